import { expect, test, vi } from "vitest";
import { api } from "../api/client";
import { clientAddress } from "../shell/instance";
import { check, keyFromLink, standing } from "./session";

test.each([
  ["#key=abc", "abc"], ["#key=a%2Bb", "a+b"], ["#/key=abc", "abc"], ["#key=bad%", "bad%"], ["#/requests?q=key=1", null], ["", null],
])("the key in %s", (hash, expected) => {
  const replaceState = vi.fn();
  const got = keyFromLink({ hash, pathname: "/ui/", search: "" } as Location, { state: null, replaceState } as unknown as History);
  expect(got).toBe(expected);
  if (expected === null) expect(replaceState).not.toHaveBeenCalled();
  else expect(replaceState).toHaveBeenCalledWith(null, "", "/ui/#/requests");
});

test.each([
  ["127.0.0.1:8080", "127.0.0.1:8080"], ["0.0.0.0:8080", "box.lan:8080"], ["[::]:9", "box.lan:9"], ["gw.example:80", "gw.example:80"], ["odd", "odd"],
])("a proxy listening on %s is reached at %s", (listen, expected) => expect(clientAddress(listen, "box.lan")).toBe(expected));

test("what was asked before the scripts came answers the first check alone", async () => {
  window.early = { session: Promise.resolve(new Response(null, { status: 401 })) };
  expect(await check()).toBe("out");
  const asked = vi.spyOn(api, "GET").mockResolvedValueOnce({ data: undefined, response: new Response() } as never);
  expect(await check()).toBe("in");
  expect(asked).toHaveBeenCalledWith("/api/session", {});
  window.early = { session: Promise.reject(new TypeError("network")) };
  await expect(check()).rejects.toMatchObject({ status: 0 });
  expect(standing.value).toBe("in");
});
