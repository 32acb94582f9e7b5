// Images for a question, as data URLs: what vendors take, and no more than goes through.

import type { Picture } from "./shapes";

export const KINDS = ["image/png", "image/jpeg", "image/gif", "image/webp"];
/** All of a question's images together; the API takes 32 MiB with everything else. */
export const MOST_BYTES = 18 * 1024 * 1024;
export const MOST = 16;

export type Trouble = { name: string; why: "kind" | "size" | "many" | "unreadable" };

export interface Taken { pictures: Picture[]; troubles: Trouble[] }

/** Which of these files may join those that are there; read by the caller. */
export function admit<F extends { name: string; type: string; size: number }>(there: readonly Picture[], files: readonly F[]): { fit: F[]; troubles: Trouble[] } {
  const fit: F[] = [];
  const troubles: Trouble[] = [];
  let bytes = there.reduce((n, p) => n + p.bytes, 0);
  for (const file of files) {
    if (!KINDS.includes(file.type)) troubles.push({ name: file.name, why: "kind" });
    else if (there.length + fit.length >= MOST) troubles.push({ name: file.name, why: "many" });
    else if (bytes + file.size > MOST_BYTES) troubles.push({ name: file.name, why: "size" });
    else {
      bytes += file.size;
      fit.push(file);
    }
  }
  return { fit, troubles };
}

export async function take(there: readonly Picture[], files: readonly File[]): Promise<Taken> {
  const { fit, troubles } = admit(there, files);
  const pictures: Picture[] = [];
  for (const file of fit) {
    try {
      pictures.push({ name: file.name, url: await url(file), bytes: file.size });
    } catch {
      troubles.push({ name: file.name, why: "unreadable" });
    }
  }
  return { pictures, troubles };
}

function url(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error ?? new Error(file.name));
    reader.readAsDataURL(file);
  });
}

/** The files of a paste or a drop. */
export const filesOf = (data: DataTransfer | null): File[] => [...(data?.files ?? [])];
