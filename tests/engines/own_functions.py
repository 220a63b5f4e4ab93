"""Functions as LLVM's text: one calls a function of nobody, one has a number that it changes."""

CALLING = """
declare i64 @nobodys(i64)
define i64 @call(i64 %x) {
  %y = call i64 @nobodys(i64 %x)
  ret i64 %y
}
"""
MEMORY = """
@counter = internal global i64 7
define i64 @count() {
  %x = load i64, i64* @counter
  %y = add i64 %x, 1
  store i64 %y, i64* @counter
  ret i64 %y
}
"""
