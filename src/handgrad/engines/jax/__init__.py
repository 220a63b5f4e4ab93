"""JAX engine: the traced step by `jax.numpy`, whole epochs in one scan, on JAX's device.

It reads the graph before lowering: each operation is its counterpart in `jax.numpy`. Gradients of
a batch and the update are functions of arrays by name; rows in their order, random draws and
numbers that follow from the step are made on the host.
"""
