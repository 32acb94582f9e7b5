import { describe, expect, test } from "vitest";
import { markdown } from "./markdown";

function dom(text: string) {
  const box = document.createElement("div");
  box.innerHTML = markdown(text);
  return box;
}

describe("what a model writes cannot act", () => {
  test.each([
    "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "<svg onload=alert(1)>", "<iframe src=//evil></iframe>", "<style>*{}</style>",
    "[x](javascript:alert(1))", "[x](data:text/html,<script>1</script>)", "![x](javascript:alert(1))", "![x](data:image/svg+xml;base64,AAAA)",
    "<a href=javascript:alert(1)>x</a>", "[x](vbscript:1)", "<form action=//evil><input></form>", "`<img onerror=1>`", "```html\n<script>1</script>\n```", "| <img src=x> |\n|---|\n| <b onclick=1>x</b> |",
  ])("%s", (text) => {
    const box = dom(text);
    expect(box.querySelector("script, style, svg, iframe, form, input, object, embed, link, meta")).toBeNull();
    for (const el of box.querySelectorAll("*")) {
      for (const a of el.attributes) expect(a.name).not.toMatch(/^on|style/);
      expect(el.getAttribute("href") ?? "https:").toMatch(/^(https?|mailto):/);
      expect(el.getAttribute("src") ?? "data:image/png;base64,").toMatch(/^data:image\/(png|jpeg|gif|webp|avif);base64,/);
    }
  });

  test("nothing is hidden: markup stays readable as text", () => {
    expect(dom("before <img src=x onerror=alert(1)> after").textContent).toContain("<img src=x onerror=alert(1)>");
    expect(dom("<details>\nsecret\n</details>").textContent).toContain("<details>");
  });

  test("remote images are links, never fetched", () => {
    const box = dom("![cat](https://x.example/cat.png)");
    expect(box.querySelector("img")).toBeNull();
    expect(box.querySelector("a")?.getAttribute("href")).toBe("https://x.example/cat.png");
    expect(box.querySelector("a")?.getAttribute("rel")).toContain("noreferrer");
  });
});

test("ordinary Markdown is rendered", () => {
  const box = dom("# T\n\n**b** `c`\n\n- one\n- two\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n```js\nlet x = 1 < 2\n```");
  expect(box.querySelector("strong")?.textContent).toBe("b");
  expect(box.querySelectorAll("li")).toHaveLength(2);
  expect(box.querySelectorAll("td")).toHaveLength(2);
  expect(box.querySelector("pre code")?.textContent).toContain("1 < 2");
  expect(box.querySelector("h1")).toBeNull();
});
