"""Models as portable programs: C, JavaScript, WebAssembly, and pages."""
