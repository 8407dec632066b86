"""The names under which columns are known, said once for every kind of data. Upper and lower case are alike.

Of several names in a row the first counts. A name may stand in several lists: "input" is a question where there is no
other, and context beside one.
"""

MESSAGES = (
    "messages", "conversations", "conversation", "dialog", "dialogue", "chat", "turns",
)  # fmt: skip
PROMPT = ("prompt",)
INSTRUCTION = ("instruction",)
QUESTION = ("question", "query", "problem", "user", "input")
CONTEXT = ("input", "context")
HISTORY = ("history",)
SYSTEM = ("system", "system_prompt", "system_message")
TOOLS = ("tools", "functions")
THINKING = ("thinking", "reasoning", "reasoning_content", "chain_of_thought", "thought")

COMPLETION = ("completion", "response", "output", "answer")
OUTPUT = ("output", "response", "answer", "completion")
# A worked solution teaches more than its result, which stands beside it as the answer.
ANSWER = ("solution", "answer", "response", "output", "assistant", "reply", "completion", "answers")
# What an answer is checked against is the result.
CHECKED_ANSWER = (
    "final_answer", "answer", "ground_truth", "expected", "target", "solution", "response", "output", "reward_model",
    "answers",
)  # fmt: skip
CHOICES = ("choices", "options")
CORRECT_CHOICE = ("answer", "answerkey", "answer_key", "answer_idx", "answer_index", "correct", "label", "target")

CHOSEN = ("chosen", "preferred", "better", "accepted", "chosen_response", "chosen_messages")
REJECTED = ("rejected", "dispreferred", "worse", "rejected_response", "rejected_messages")
LABEL = ("label", "kto_tag", "thumbs", "thumb", "good", "desirable", "feedback")
TEXT = ("text", "content", "document")
