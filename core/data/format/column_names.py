"""The names under which columns are known, said once for every kind of data. Upper and lower case are alike.

Of several names in a row the first counts. A name may stand in several lists: "input" is a question where there is no
other, and context beside one.
"""

MESSAGES = (
    "messages", "conversations", "conversation", "dialog", "dialogue", "chat", "turns", "contents",
)  # fmt: skip
PROMPT = ("prompt",)
INSTRUCTION = ("instruction",)
QUESTION = ("question", "query", "problem", "user", "question_stem", "ctx", "inputs", "input", "frage")
CONTEXT = ("input", "context", "passage", "article", "flores_passage")
HISTORY = ("history",)
SYSTEM = ("system", "system_prompt", "system_message", "systeminstruction", "system_instruction")
TOOLS = ("tools", "functions")
THINKING = ("thinking", "reasoning", "reasoning_content", "chain_of_thought", "complex_cot", "cot", "thought")

COMPLETION = ("completion", "response", "output", "answer", "canonical_solution")
OUTPUT = ("output", "response", "answer", "completion")
# A worked solution teaches more than its result, which stands beside it as the answer.
ANSWER = (
    "solution", "generated_solution", "answer", "best_answer", "correct_answer", "response", "output", "assistant",
    "reply", "completion", "targets", "answers", "antwort",
)  # fmt: skip
# What an answer is checked against is the result.
CHECKED_ANSWER = (
    "final_answer", "expected_answer", "answer", "best_answer", "correct_answer", "ground_truth", "expected", "target",
    "targets", "solution", "response", "output", "reward_model", "answers", "antwort",
)  # fmt: skip
CHOICES = ("choices", "options", "endings")
CORRECT_CHOICE = (
    "answer", "answerkey", "answer_key", "answer_idx", "answer_index", "answer_letter", "correct", "correct_option",
    "correct_choice", "label", "target", "gold",
)  # fmt: skip

CHOSEN = ("chosen", "preferred", "better", "accepted", "chosen_response", "chosen_messages", "preferred_output")
REJECTED = ("rejected", "dispreferred", "worse", "rejected_response", "rejected_messages", "non_preferred_output")
LABEL = ("label", "kto_tag", "thumbs", "thumb", "good", "desirable", "feedback")
RATING = (*LABEL, "rating", "stars", "score", "overall", "overall_score", "helpfulness")
TEXT = ("text", "content", "document")
SUMMARIZED = ("article", "document", "dialogue", "text")
SUMMARY = ("summary", "highlights")
