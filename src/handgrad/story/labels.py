"""stub"""
def font_for(language): return None
def translated(t): return t
