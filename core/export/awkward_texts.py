"""Texts that tokenizers tend to differ on: numbers, emoji, scripts, code, runs of spaces, quotes, odd characters."""

_NUMBERS = (
    "0", "7", "42", "123", "1234", "12345", "1234567890", "1,234,567.89", "3.14159e-10", "0x1F4A9", "1/2",
    "½ ⅔", "²³", "٣٤٥", "१२३", "12:30:59", "2026-11-28", "+1 (555) 123-4567", "v1.2.3-rc4", "1e9 -1e-9", "100%",
    "€5.00", "$1,000", "#99", "No.1", "1st 2nd 3rd", "IPv4 192.168.0.1", "x1y2z3", "007",
)  # fmt: skip
_WORDS = (
    "Hello, world!", "it's", "It'S", "don't", "we'll've", "y'all'd", "'tis", "'sound' and 'time'",
    "rock'n'roll", "‘quoted’", "“double”", "HELLO", "hELLO", "camelCase", "PascalCase", "snake_case",
    "kebab-case", "SCREAMING_CASE", "iPhone", "McDonald", "eBay's", "O'Brien", "naïve café", "Straße", "ﬁle",
    "İstanbul", "ǅungla", "co-operate", "e.g., i.e.", "Mr. Smith", "U.S.A.", "C++", "C#", ".NET", "and/or", "a",
    "I", "",
)  # fmt: skip
_SPACES = (
    " ", "  ", "   ", "    ", "\t", "\t\t", "\n", "\n\n", "\n\n\n", "\r\n", "\r\n\r\n", " \n", "\n ", " \n \n ",
    " a", "a ", "  a", "a  ", "a  b", "a   b", "a\tb", "a\t\tb", "a \t b", "a\nb", "a\n\nb", "a \n b", "a\r\nb",
    "\n a", "\n  a", "\n\ta", "a\n  b\n    c", "   leading", "trailing   ", "a\xa0b", "a\u2003b", "a\u200bb",
    "a\u3000b", "1 2", "1  2", "1\n2", ". .", ".  .", ".\n.", ".\n\n.", "x  .", "x  (y)", "(\n)",
)  # fmt: skip
_MARKS = (
    ".", "..", "...", "…", "!", "!!!", "?!", ",", ";", ":", "-", "--", "---", "—", "–", "_", "__", "*",
    "**bold**", "`code`", "```", "~", "~~~", "|", "||", "a|b", "&", "&&", "&amp;", "@user", "#tag", "^", "<",
    ">", "<a>", "</a>", "<br/>", "{", "}", "{{x}}", "[1]", "(a)", "((", "))", "\\", "\\n", "/", "//",
    "http://x.y/z?a=b&c=d#e", "a@b.co", "C:\\Users\\x", "~/.bashrc", "$HOME", "%d", "°C", "©®™", "§ 5", "→ ⇒",
    "≤ ≥ ≠ ≈", "∑∫√π", "'", "\"", "''", "\"\"", "'a'", "\"a\"", "«a»", "„a“", "¿qué?", "¡hola!",
)  # fmt: skip
_SCRIPTS = (
    "中文字符", "你好，世界！", "日本語のテキスト", "カタカナ", "한국어 문장", "Привет, мир", "Γειά σου",
    "שלום עולם", "مرحبا بالعالم",
    "नमस्ते दुनिया", "ภาษาไทย", "Tiếng Việt", "ქართული", "հայերեն", "বাংলা", "தமிழ்", "中文 mixed 英文",
    "ÄÖÜ äöü ß", "ñandú", "çok güzel", "Łódź", "Ærø", "Þórr", "ŒUVRE", "é ä", "क्ष", "עִבְרִית",
    "العَرَبِيَّة", "a中b文c", "１２３ＡＢＣ",
)  # fmt: skip
_EMOJI = (
    "😀", "😀😀", "a😀b", " 😀", "👍🏽", "👩\u200d👩\u200d👧\u200d👦", "🇩🇪🇯🇵", "❤️", "☺", "1️⃣",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "🧑🏿\u200d🚀 in space",
)  # fmt: skip
_CODE = (
    "def f(x):\n    return x + 1\n", "for (int i = 0; i < n; ++i) {\n\tsum += a[i];\n}",
    "if x==1 and y!=2: pass", "SELECT * FROM t WHERE a = 'b';",
    "{\"a\": [1, 2.5, null], \"b\": {\"c\": \"d\"}}", "<div class=\"x\">y</div>", "let x = y => y?.z ?? 0;",
    "#include <stdio.h>", "x[i][j]", "a->b", "a::b", "!important", "@decorator", "lambda x: x**2",
    "// comment\n/* block */", "\\frac{a}{b}", "$x^2$", "| a | b |\n|---|---|", "- [ ] todo",
    "# Title\n\n## Sub\n\ntext", "1. one\n2. two", "a: b\nc:\n  - d", "print('hi')\n\n\nprint(\"ho\")",
)  # fmt: skip
_ODD = (
    "\x00", "a\x00b", "\x1b[31m", "\x7f", "\ufeff", "�", "\u202e", "́", "\U0010ffff", "a" * 16,
    "abcdefghijklmnopqrstuvwxyz", "AaBbCc", "=" * 40, "-" * 80, "." * 33, " " * 33, "\n" * 9, "ha" * 20,
)  # fmt: skip

AWKWARD_TEXTS = (*_NUMBERS, *_WORDS, *_SPACES, *_MARKS, *_SCRIPTS, *_EMOJI, *_CODE, *_ODD)
