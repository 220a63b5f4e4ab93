"""Digits, 20 epochs, PyTorch, without a DataLoader."""

import torch
from sklearn.datasets import load_digits
from torch import nn

x, y = map(torch.from_numpy, load_digits(return_X_y=True))
x = (x / 16).float()
net = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(20):
    order = torch.randperm(len(x))
    for rows in order.split(32):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
        optimizer.step()
print((net(x).argmax(1) == y).float().mean().item())
