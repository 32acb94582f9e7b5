// What the compiler does not see: Vue's own traps, and every place that could turn recorded text
// into markup (`v-html` is allowed in one file, which sanitizes first).
import vue from "eslint-plugin-vue";
import ts from "typescript-eslint";

export default ts.config(
  { ignores: ["dist", "node_modules", "src/api/schema.d.ts", "src/components.d.ts"] },
  ...ts.configs.recommended,
  ...vue.configs["flat/recommended"],
  {
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: [".vue"], sourceType: "module" } },
    rules: {
      "no-eval": "error",
      "no-new-func": "error",
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-console": "error",
      "vue/no-v-html": "error",
      // Every word a person reads is in i18n/; what stands here is the same in every language.
      "vue/no-bare-strings-in-template": [
        "error",
        { allowlist: ["/", "→", ":", "(", ")", "*", "+", "$", "[", "]", "…", ",", "×", "%", "−", "–", "0", "v", "Esc", "English", "简体中文", "https://", "gw-…", "2024-10-21", "gpt-4o = my-deployment", '{"stop": ["END"]}', '{&quot;stop&quot;: [&quot;END&quot;]}', "glassway-monitor new-admin-key"], attributes: { "/.+/": ["title", "label", "hint", "text", "placeholder", "alt", "aria-label", "aria-placeholder", "aria-roledescription", "aria-valuetext"] } },
      ],
      "vue/multi-word-component-names": "off",
      "vue/max-attributes-per-line": "off",
      "vue/singleline-html-element-content-newline": "off",
      "vue/html-self-closing": "off",
      "vue/html-indent": "off",
      "vue/html-closing-bracket-newline": "off",
      "vue/first-attribute-linebreak": "off",
      "vue/multiline-html-element-content-newline": "off",
      "vue/attributes-order": "off",
      "vue/require-default-prop": "off",
    },
  },
  { files: ["dev/**"], languageOptions: { globals: { process: "readonly", console: "readonly", Buffer: "readonly", setTimeout: "readonly", setInterval: "readonly", clearInterval: "readonly", clearTimeout: "readonly", URL: "readonly", fetch: "readonly" } }, rules: { "no-console": "off" } },
);
