// A feed for tests: what is said over it is said by the test.

export class FakeSocket {
  static last: FakeSocket | null = null;
  readyState = 1;
  onmessage: ((message: { data: string }) => void) | null = null;

  constructor() {
    FakeSocket.last = this;
  }

  send() {}
  close() {}
}
