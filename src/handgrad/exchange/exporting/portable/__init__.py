"""Export to C, JavaScript, WebAssembly and HTML."""
