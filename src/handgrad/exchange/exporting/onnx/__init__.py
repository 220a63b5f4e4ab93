"""Models in ONNX: the recorded prediction node by node, and the columns of tables."""
