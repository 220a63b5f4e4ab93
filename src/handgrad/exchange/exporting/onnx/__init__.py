"""Export to ONNX: the traced prediction node by node, and the encoding of tables."""
