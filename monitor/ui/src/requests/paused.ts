// Whether the reader holds the request list still; the live dot in the top line says so too.

import { ref } from "vue";

export const listPaused = ref(false);
