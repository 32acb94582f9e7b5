// What is built in and under which licence: a list made by `npm run notices`, fetched when somebody
// asks for it.

import { base, Failure } from "../api/client";

export interface Notice { name: string; version: string; license: string }

export async function loadNotices(): Promise<Notice[]> {
  let answer: Response;
  try {
    answer = await fetch(`${base}/third-party.json`);
  } catch {
    throw new Failure(0, null, null);
  }
  if (!answer.ok) throw new Failure(answer.status, null, null);
  return (await answer.json()) as Notice[];
}
