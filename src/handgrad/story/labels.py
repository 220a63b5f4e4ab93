"""The words in the story's pictures, in Chinese, and the fonts that can write them."""

import re

from handgrad.plots.finishing import font_with

# Simplified Chinese first; the last ones draw some characters as Japanese does.
FONTS = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Heiti SC",
    "STHeiti",
    "SimHei",
    "Arial Unicode MS",
    "Droid Sans Fallback",
    "Noto Sans CJK JP",
)

CHINESE = {
    "The training data": "训练数据",
    "class {}": "类别 {}",
    "feature {}": "特征 {}",
    "loss": "损失",
    "Loss": "损失",
    "absolute loss": "绝对值损失",
    "squared loss": "平方损失",
    "0-1 loss": "0-1 损失",
    "1 if p < ½, else 0": "p < ½ 时为 1，否则为 0",
    "logistic loss": "对数损失",
    "p, probability of the true class": "p：真实类别的概率",
    "Cross-entropy": "交叉熵",
    "p, predicted probability of class 1": "p：预测的类别 1 的概率",
    "Down the slope": "沿坡而下",
    "one weight, {}": "一个权重 {}",
    "{} steps, learning rate {}": "{} 步，学习率 {}",
    "Every minibatch has its own loss": "每个小批量都有自己的损失",
    "all {} rows": "全部 {} 个样本",
    "{} rows": "{} 个样本",
    "after epoch {}": "第 {} 轮之后",
    "probability of class {}": "类别 {} 的概率",
    "probability of {}": "{}的概率",
    "epoch": "轮次",
    "epoch {}": "第 {} 轮",
    "best epoch, {}": "最佳轮次：{}",
    "training": "训练",
    "validation": "验证",
    "accuracy": "准确率",
    "Accuracy": "准确率",
    "value": "函数值",
    "slope": "斜率",
    "two linear layers: accuracy {}": "两个线性层：准确率 {}",
    "with tanh between: accuracy {}": "中间加上 tanh：准确率 {}",
    "as they are": "原来的样子",
    "after layer {} of {}, {}": "第 {} 层（共 {} 层，{}）之后",
    "unit {}": "单元 {}",
    "Largest weight": "最大的权重",
    "Gradient": "梯度",
    "Update": "更新",
    "‖dW‖, last batch": "‖dW‖，最后一批",
    "‖change of W‖ / ‖W‖, per epoch": "‖W 的变化‖ / ‖W‖，每轮",
    "petal length (cm)": "花瓣长度（厘米）",
    "petal width (cm)": "花瓣宽度（厘米）",
    "setosa": "山鸢尾",
    "versicolor": "变色鸢尾",
    "virginica": "维吉尼亚鸢尾",
    "mean radius": "平均半径",
    "mean texture": "平均纹理",
    "malignant": "恶性",
    "benign": "良性",
    "{} other features at their means": "其余 {} 个特征取均值",
    "{} of {} rows are near: the fainter, the farther": (
        "{1} 个样本中有 {0} 个在附近：颜色越淡，离得越远"
    ),
    "true": "真实值",
    "predicted": "预测值",
    "predicted = true": "预测值 = 真实值",
    "rows": "样本",
}

# What leaves least open is tried first.
PATTERNS = [
    (re.compile(re.escape(english).replace(r"\{\}", "(.+)")), CHINESE[english])
    for english in sorted(CHINESE, key=lambda english: (english.count("{}"), -len(english)))
]


def in_chinese(text: str) -> str:
    """A picture's text in Chinese, line by line; what has no translation stays as it is.

    >>> in_chinese("probability of class 1"), in_chinese("Tanh()")
    ('类别 1 的概率', 'Tanh()')
    """
    return "\n".join(map(_line, text.split("\n")))


def _line(text: str) -> str:
    for pattern, chinese in PATTERNS:
        if match := pattern.fullmatch(text):
            return chinese.format(*map(_line, match.groups()))
    return text


def chinese_font() -> str | None:
    """An installed font that can write all of it, if there is one."""
    characters = {c for text in CHINESE.values() for c in text if ord(c) >= 0x2E80}
    return font_with(sorted(characters), FONTS)
