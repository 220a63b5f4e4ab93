"""What the demo and its page say around the story, in each of its languages."""

from typing import NamedTuple


class Phrases(NamedTuple):
    """The words of one language; `{}` is filled in."""

    contents: str
    code: str
    output: str
    figure: str
    chapter: str
    picture: str
    written: str
    look: str
    elsewhere: str
    no_font: str
    made_by: str


PHRASES = {
    "en": Phrases(
        contents="Contents",
        code="The code",
        output="It prints",
        figure="Figure {}",
        chapter="chapter {} of {}",
        picture="picture {}",
        written="{} pictures and a page, written to {}",
        look="open {} in a browser: the whole story, with pictures and code",
        elsewhere="中文：handgrad demo --language zh",
        no_font="",
        made_by="Made by handgrad {}, with this code, on this machine.",
    ),
    "zh": Phrases(
        contents="目录",
        code="代码",
        output="输出",
        figure="图 {}",
        chapter="第 {} 章，共 {} 章",
        picture="图片 {}",
        written="{} 张图片和一个网页已写入 {}",
        look="用浏览器打开 {}，就能看到完整的故事：讲解、图片和代码",
        elsewhere="English: handgrad demo --language en",
        no_font="没有找到中文字体，图中的文字保留英文；装上一种再运行即可，例如 fonts-noto-cjk",
        made_by="由 handgrad {} 在本机运行文中代码生成。",
    ),
}
