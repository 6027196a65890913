/**
 * How V8 keeps its heap under workerd. What a request leaves behind (wrappers of native objects) is freed only by a
 * full collection, and that stops the one thread for about 5 µs per request since the last one. As V8 is set it
 * waits until some 33 MB have gathered: 100 ms in which nobody is answered. A small heap that grows little collects
 * every few thousand requests, 20 to 40 ms each time, for the same CPU per request and a third of the memory.
 */
export const V8_FLAGS = [
  '--max-semi-space-size=1',
  '--initial-old-space-size=4',
  '--memory-saver-mode',
] as const
