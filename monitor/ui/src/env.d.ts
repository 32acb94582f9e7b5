// Vite's own modules, and Element Plus's style entries, which come without types.
/// <reference types="vite/client" />
declare module "element-plus/es/components/message/style/css";
