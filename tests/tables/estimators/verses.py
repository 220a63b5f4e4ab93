"""A short text that is said over and over."""

VERSE = (
    "one for sorrow, two for joy,\nthree for a girl, four for a boy,\nfive for silver, six for "
    "gold,\nand seven for a secret never to be told.\n"
)
