// The pages' JavaScript: ES modules for browsers and Node, which use nothing else than these.

import js from "@eslint/js";

const names =
  "console document window navigator location history performance fetch URL URLSearchParams " +
  "Blob File FileReader Worker self postMessage setTimeout clearTimeout setInterval " +
  "clearInterval requestAnimationFrame cancelAnimationFrame queueMicrotask structuredClone " +
  "atob btoa crypto TextDecoder TextEncoder WebAssembly Event CustomEvent KeyboardEvent " +
  "MutationObserver ResizeObserver IntersectionObserver EventSource AbortController " +
  "DOMParser reportError XMLSerializer Image ImageData Path2D matchMedia getComputedStyle localStorage " +
  "devicePixelRatio HTMLElement Element Node MessageChannel process OffscreenCanvas " +
  "createImageBitmap DataTransfer SVGElement globalThis addEventListener removeEventListener " +
  "Buffer innerWidth innerHeight scrollTo CSS ReadableStream DecompressionStream Response";

export default [
  js.configs.recommended,
  {
    languageOptions: {
      ecmaVersion: 2025,
      sourceType: "module",
      globals: Object.fromEntries(names.split(" ").map((name) => [name, "readonly"])),
    },
    rules: {
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-var": "error",
      "prefer-const": "error",
      eqeqeq: ["error", "always", { null: "ignore" }],
      "max-lines": ["error", { max: 300, skipBlankLines: true, skipComments: true }],
      "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
];
