"""Chats between people as apps for messages export them, and conversations whose speakers have names. In the form of
tests/cases/shapes.py."""

import json
from typing import Any

from core.data.kinds import PAIRS, TEXT
from tests.cases.shapes import PLAIN, Case

ANNA = {"columns": ["assistant=Anna"]}
SHOWN = ("not-shown",)


def _whatsapp(
    name: str, text: str, learned: tuple[str, ...] = PLAIN, told: tuple[str, ...] = (), says: str = ""
) -> Case:
    return Case(f"a chat of WhatsApp's, {name}", TEXT, text, learned, told, says, "chat.txt", ANNA)


def _stamped(hi: str, yes: str) -> str:
    return f"{hi}Ben: Hi?\n{yes}Anna: Yes.\n"


FORMS = {
    "German": ("14.03.24, 18:02 - ", "14.03.24, 18:03 - "),
    "of a German iPhone": ("[14.03.24, 18:02:11] ", "[14.03.24, 18:03:00] "),
    "American": ("3/14/24, 6:02 PM - ", "3/14/24, 6:03 PM - "),
    "of an American iPhone": ("\u200e[3/14/24, 6:02:11\u202fPM] ", "[3/14/24, 6:03:00\u202fPM] "),
    "Spanish": ("14/3/24, 6:02 p. m. - ", "14/3/24, 6:03 p. m. - "),
    "French": ("14/03/2024 à 18:02 - ", "14/03/2024 à 18:03 - "),
    "Dutch": ("14-03-2024 18:02 - ", "14-03-2024 18:03 - "),
    "Swedish": ("2024-03-14 18:02 - ", "2024-03-14 18:03 - "),
    "Hungarian": ("2024. 03. 14. 18:02 - ", "2024. 03. 14. 18:03 - "),
    "Chinese": ("2024/3/14 下午6:02 - ", "2024/3/14 下午6:03 - "),
    "Arabic": ("14\u200f/3\u200f/2024، 6:02 م - ", "14\u200f/3\u200f/2024، 6:03 م - "),
    "Finnish": ("14.3.2024 klo 18.02 - ", "14.3.2024 klo 18.03 - "),
}
A, B, DOCTOR = "14.03.24, 18:02 - Anna: ", "14.03.24, 18:02 - Ben: ", "14.03.24, 18:02 - Dr: Who: "
BEN, ANN = {"id": "1", "name": "ben", "nickname": "Ben"}, {"id": "2", "name": "Anna", "nickname": None}


def _posts(*posts: dict[str, Any]) -> dict[str, Any]:
    defaults = {"type": "Default", "timestamp": "2024-03-14T18:02:00.1+00:00", "attachments": []}
    return {
        "guild": {"id": "1"},
        "channel": {"id": "2", "name": "talk"},
        "messages": [defaults | post for post in posts],
        "messageCount": len(posts),
    }


def _telegram(*messages: dict[str, Any]) -> dict[str, Any]:
    listed = [
        {"id": n, "type": "message", "date": "2024-03-14T18:02:00", **message} for n, message in enumerate(messages)
    ]
    return {"name": "Ben", "type": "personal_chat", "id": 1, "messages": listed}


ASKED, ANSWERED = {"from": "Ben", "text": ["H", {"type": "bold", "text": "i"}, "?"]}, {"from": "Anna", "text": "Yes."}
NOTICE, PICTURE = (
    {"type": "service", "actor": "Ben", "action": "phone_call", "text": ""},
    {"from": "Anna", "text": "", "photo": "x.jpg"},
)


def _by(account: str, name: str, text: str) -> dict[str, Any]:
    return {"from": name, "from_id": account, "text": text}


FORWARDED = {"from": "Anna", "text": "News!", "forwarded_from": "A paper"}
DISCORD = _posts({"type": "GuildMemberJoin", "content": "Joined.", "author": BEN}, {"content": "Hi?", "author": BEN}, {"type": "Reply", "content": "Yes.", "author": ANN})  # fmt: skip
NAMED = [{"role": "Ben", "content": "Hi?"}, {"role": "Anna", "content": "Yes."}]

PEOPLE = (
    *(_whatsapp(name, _stamped(*stamps)) for name, stamps in FORMS.items()),
    _whatsapp("with what is no text", f"14.03.24, 18:01 - Messages are encrypted.\n{B}<Media omitted>\n{B}Hi?\n{B}IMG-1.jpg (file attached)\n{A}null\n{A}Yes.\n",
              PLAIN, SHOWN, "4 without a person's words"),
    _whatsapp("with marks of an iPhone", "[14.03.24, 18:02:11] Ben: \u200eBild weggelassen\n[14.03.24, 18:02:11] Ben: Hi?\n"
              "[14.03.24, 18:02:11] ~\u202fAnna: Yes. \u200e<Diese Nachricht wurde bearbeitet.>\n", PLAIN, SHOWN, "1 without"),
    _whatsapp("with words below a picture", f"{B}\u200eIMG-1.jpg (file attached)\nHi?\n{A}Yes. <This message was edited>\n"),
    _whatsapp("with deleted messages", f"{B}Hi?\n{A}You deleted this message\n{A}Yes.\n", PLAIN, SHOWN, "1 deleted"),
    _whatsapp("with messages of several lines", f"{B}One\n\ntwo: three\n{B}Four?\n{A}Yes.\n{A}No: not\n", ("U One\n\ntwo: three\nFour? | A* Yes.\nNo: not",)),
    _whatsapp("of a group", f'14.03.24, 18:02 - Ben changed the name to "A: b"\n{B}Hi?\n14.03.24, 18:02 - Cara: Ho?\n14.03.24, 18:02 - Cara: Hm?\n{A}Yes.\n',
              ("U Ben: Hi?\nCara: Ho?\nHm? | A* Yes.",), SHOWN, "1 without"),
    _whatsapp("on two days", f"{A}Oh.\n{B}Hi?\n{A}Yes.\n{B}Bye\n15.03.24, 18:02 - Ben: So?\n15.03.24, 18:02 - Anna: No.\n", (*PLAIN, "U So? | A* No.")),
    _whatsapp("where Anna says nothing", f"{B}Hi?\n14.03.24, 18:02 - Cara: Ho?\n", (), (), "Anna answers nobody in this conversation, with messages by Ben and Cara"),
    Case("a chat for preferences", PAIRS, _stamped(*FORMS["German"]), (), (), "or map them: --columns prompt=COLUMN", "chat.txt"),
    Case("a chat of WhatsApp's of which it is not said who is who", TEXT, _stamped(*FORMS["German"]), (), (),
         'It is not said who is the assistant of these: Ben and Anna. Say whose messages are learned: --columns "assistant=Ben"', "chat.txt"),
    Case("a chat of people whose names hold a comma", TEXT, f"{B.replace('Ben', 'Ben, B.')}Hi?\n{A}Yes.\n", (), (), "--columns '\"assistant=Ben, B.\"'.", "chat.txt"),
    _whatsapp("of a name with a colon", f"{DOCTOR}Hi?\n{A}Yes.\n{DOCTOR}So?\n{A}No.\n{DOCTOR}Hm?\n{A}Oh.\n", ("U Hi? | A* Yes. | U So? | A* No. | U Hm? | A* Oh.",)),
    _whatsapp("where one begins with a word and a colon at times", f"{B}PS: Hi?\n{A}Yes.\n{B}PS: So?\n{A}No.\n{B}Hm?\n{A}Oh.\n", ("U PS: Hi? | A* Yes. | U PS: So? | A* No. | U Hm? | A* Oh.",)),
    Case("minutes with day and time", TEXT, f"{B}One\ntwo\n{B}Four\n", (f"1*{B[1:]}One", "t*wo", f"1*{B[1:]}Four"), ("looks-like",), "", "chat.txt"),
    Case("a chat of Telegram's with oneself", TEXT, json.dumps(_telegram(ANSWERED, ANSWERED)), (), (), "All messages of this conversation are by Anna: nobody answers.", "result.json"),
    Case("a group of Telegram's in which two have the same name", TEXT, json.dumps(_telegram(_by("a", "Ben", "Hi?"), _by("b", "Anna", "Ho."), _by("c", "Anna", "Yes."))),
         ("U Ben: Hi?\nAnna (b): Ho. | A* Yes.",), (), "", "result.json", {"columns": ["assistant=Anna (c)"]}),
    Case("a channel of Discord's in which two have the same name", TEXT, json.dumps(_posts({"content": "Hi?", "author": BEN | {"nickname": "Anna"}}, {"content": "Yes.", "author": ANN})),
         PLAIN, (), "", "talk.json", {"columns": ["assistant=Anna (Anna)"]}),
    Case("a report that looks like a chat of Telegram's", TEXT, [{"type": "report", "messages": [{"type": "message", "date": "2024-01-01", "text": "full"}]}], (), (), "Message 1 does not say who speaks."),
    Case("messages of which one has no name", TEXT, [{"messages": [*NAMED, {"role": None, "content": "Oh."}]}], (), (), "Message 3 does not say who speaks.", options=ANNA),
    Case("a chat of Telegram's", TEXT, json.dumps(_telegram(NOTICE, ASKED, ANSWERED, PICTURE, FORWARDED)), PLAIN, SHOWN,
         "2 without a person's words (pictures, voice messages, notices of the app) and 1 forwarded from others", "result.json", ANNA),
    Case("all chats of Telegram's", TEXT, json.dumps({"about": "", "chats": {"list": [_telegram(ASKED, ANSWERED), {"type": "saved_messages", "messages": []}]}}, indent=1),
         PLAIN, (), "", "result.json", ANNA),
    Case("a conversation with a type that is empty", TEXT, [{"type": "chat", "id": 1, "messages": []}], (), (), "The conversation is empty."),
    Case("a channel of Discord's", TEXT, json.dumps(DISCORD), PLAIN, SHOWN, "1 without", "talk.json", ANNA),
    Case("messages with names", TEXT, [{"messages": NAMED}], PLAIN, options=ANNA),
    Case("messages with names in ShareGPT's form", TEXT, [{"conversations": [{"from": "system", "value": "Be brief."}, {"from": "Ben", "value": "Hi?"}, {"from": "anna", "value": "Yes."}]}],
         ("S Be brief. | U Hi? | A* Yes.",), options=ANNA),
    Case("messages with names of speakers", TEXT, [{"chat": [{"speaker": "Ben", "text": "Hi?"}, {"speaker": "Anna", "text": "Yes."}]}], PLAIN, options=ANNA),
    Case("messages with names that nobody mapped", TEXT, [{"messages": NAMED}], (), (), "It is not said who is the assistant of these: Ben and Anna."),
    Case("a question to an assistant", TEXT, [{"question": "Hi?", "answer": "Yes."}], (), (), "Anna is to be the assistant, but the row has no list of messages.", options=ANNA),
)  # fmt: skip
