"""The names under which columns are known, said once for every kind of data. Upper and lower case are alike.

Of several names in a row the first counts. A name may stand in several lists: "input" is a question where there is no
other, and context beside one.
"""

MESSAGES = (
    "messages", "conversations", "conversation", "dialog", "dialogue", "chat", "turns", "contents",
)  # fmt: skip
PROMPT = ("prompt",)
INSTRUCTION = ("instruction", "anweisung", "instrucción", "istruzione", "instrução", "指令")
QUESTION = (
    "question", "query", "problem", "user", "question_stem", "ctx", "inputs", "input", "input_text", "text_input",
    "user_input", "front", "vorderseite", "frage", "pregunta", "domanda", "pergunta", "вопрос", "问题", "問題", "質問",
    "질문", "eingabe", "entrée", "entrada", "输入",
)  # fmt: skip
CONTEXT = (
    "input",
    "context",
    "passage",
    "article",
    "flores_passage",
    "eingabe",
    "entrée",
    "entrada",
    "输入",
    "kontext",
)
HISTORY = ("history",)
SYSTEM = ("system", "system_prompt", "system_message", "systemprompt", "systeminstruction", "system_instruction")
TOOLS = ("tools", "functions")
THINKING = ("thinking", "reasoning", "reasoning_content", "chain_of_thought", "complex_cot", "cot", "thought")

COMPLETION = (
    "completion", "response", "output", "answer", "canonical_solution", "antwort", "réponse", "respuesta", "risposta",
    "resposta",
)  # fmt: skip
OUTPUT = ("output", "response", "answer", "completion", "ausgabe", "sortie", "salida", "saída", "输出")
# A worked solution teaches more than its result, which stands beside it as the answer.
ANSWER = (
    "solution", "generated_solution", "answer", "best_answer", "correct_answer", "response", "output", "assistant",
    "reply", "completion", "targets", "answers", "output_text", "ideal", "expected_output", "expectedoutput", "back",
    "rückseite", "lösung", "ergebnis", "antwort", "réponse", "respuesta", "risposta",
    "resposta", "ответ", "答案", "回答", "답변", "ausgabe", "sortie", "salida", "saída", "输出",
)  # fmt: skip
# What an answer is checked against is the result.
CHECKED_ANSWER = (
    "final_answer", "expected_answer", "answer", "best_answer", "correct_answer", "ground_truth", "expected", "target",
    "targets", "solution", "response", "output", "reward_model", "answers", "reference_answer", "ideal",
    "expected_output", "expectedoutput", "back", "rückseite", "ergebnis", "lösung", "antwort",
    "réponse", "respuesta", "risposta", "resposta", "ответ", "答案", "回答", "답변", "ausgabe",
)  # fmt: skip
CHOICES = ("choices", "options", "endings")
CORRECT_CHOICE = (
    "answer", "answerkey", "answer_key", "answer_idx", "answer_index", "answer_letter", "correct", "correct_option",
    "correct_choice", "label", "target", "gold",
)  # fmt: skip

CHOSEN = (
    "chosen", "preferred", "better", "accepted", "chosen_response", "chosen_messages", "chosen_answer",
    "preferred_output", "preferred_response", "better_response", "winner_response", "winning_response", "response_w",
    "response_j", "good", "good_answer", "better_answer", "good_response", "gute_antwort", "bessere_antwort", "gut",
)  # fmt: skip
REJECTED = (
    "rejected", "dispreferred", "worse", "rejected_response", "rejected_messages", "rejected_answer",
    "non_preferred_output", "dispreferred_response", "worse_response", "loser_response", "losing_response",
    "response_l", "response_k", "bad", "bad_answer", "worse_answer", "bad_response", "schlechte_antwort",
    "schlechtere_antwort", "schlecht",
)  # fmt: skip
LABEL = (
    "label", "kto_tag", "thumbs", "thumb", "good", "desirable", "feedback", "is_good", "is_correct", "liked", "vote",
    "is_safe", "bewertung",
)  # fmt: skip
RATING = (*LABEL, "rating", "stars", "score", "overall", "overall_score", "helpfulness", "reward", "sterne")
TEXT = ("text", "content", "document")
SUMMARIZED = ("article", "document", "dialogue", "text")
SUMMARY = ("summary", "highlights")
