// Markdown of recorded answers as markup. Whatever a model wrote, it cannot run, load or hide
// anything: HTML in it is shown as the text it is, remote images become links, and the result is
// sanitized besides.

import createDOMPurify from "dompurify";
import { Marked, type Tokens } from "marked";

const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
const RASTER = /^data:image\/(png|jpeg|gif|webp|avif);base64,/i;

const marked = new Marked({
  gfm: true,
  breaks: true,
  async: false,
  renderer: {
    html: ({ text }) => escape(text),
    image: ({ href, text }) => (RASTER.test(href) ? `<img src="${escape(href)}" alt="${escape(text)}">` : `<a href="${escape(href)}">${escape(text || href)}</a>`),
    // A heading inside an answer is not a heading of this page.
    heading({ tokens, depth }) {
      return `<p class="h h${depth}">${this.parser.parseInline(tokens)}</p>`;
    },
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
    // Focusable, so that the keyboard can scroll a wide one.
    code: ({ text }) => `<pre class="code" tabindex="0"><code>${escape(text)}</code></pre>`,
    table(token) {
      const row = (cells: string) => `<tr>${cells}</tr>`;
      const cell = (tag: "th" | "td") => (c: Tokens.TableCell) => `<${tag}${c.align ? ` align="${c.align}"` : ""}>${this.parser.parseInline(c.tokens)}</${tag}>`;
      return `<div class="wide" tabindex="0"><table><thead>${row(token.header.map(cell("th")).join(""))}</thead><tbody>${token.rows.map((r) => row(r.map(cell("td")).join(""))).join("")}</tbody></table></div>`;
    },
  },
});

const purify = createDOMPurify(window);
purify.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName !== "A") return;
  if (!/^(https?|mailto):/i.test(node.getAttribute("href") ?? "")) node.removeAttribute("href");
  node.setAttribute("rel", "noreferrer noopener nofollow");
  node.setAttribute("target", "_blank");
});

export function markdown(text: string): string {
  return purify.sanitize(marked.parse(text) as string, {
    ALLOWED_TAGS: ["p", "br", "b", "strong", "i", "em", "del", "code", "pre", "a", "ul", "ol", "li", "blockquote", "hr", "table", "thead", "tbody", "tr", "th", "td", "img", "div"],
    ALLOWED_ATTR: ["href", "src", "alt", "class", "align", "start", "tabindex"],
    ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|data:image\/(?:png|jpeg|gif|webp|avif);base64,)/i,
  });
}
