// Whether the window is a phone's: then the bottom bar stands where the rail and half of the top
// line would, and those are not drawn at all.

import { readonly, ref } from "vue";

/** As in styles/shell.css. */
const phone = matchMedia("(max-width: 720px)");
const is = ref(phone.matches);
phone.addEventListener("change", () => (is.value = phone.matches));

export const narrow = readonly(is);
