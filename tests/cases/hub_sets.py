"""Public sets of the Hub, a row in the columns of each. In the form of tests/cases/shapes.py; README.md says whose card
was read."""

from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from tests.cases.shapes import FOUR, PLAIN, YES_NO, Case, spoken, turns

NUMBERS = {"numbers": [44, 19, 35], "target": 98}
HUMAN = "\n\nHuman: Hi?\n\nAssistant:"

HUB_SETS = (
    # Read on their own cards, or on those of copies.
    Case("no_robots", TEXT, [{"prompt": "Hi?", "prompt_id": "a", "messages": turns("Hi?", "Yes."), "category": "Chat"}], PLAIN),
    Case("ultrachat_200k", TEXT, [{"prompt": "Hi?", "prompt_id": "a", "messages": turns("Hi?", "Yes.")}], PLAIN),
    Case("smol-smoltalk", TEXT, [{"messages": turns("Hi?", "Yes."), "source": "x"}], PLAIN),
    Case("oasst1", TEXT,
         [{"message_id": "a", "parent_id": None, "text": "Hi?", "role": "prompter", "lang": "en", "rank": None, "labels": {"name": ["x"]}},
          {"message_id": "b", "parent_id": "a", "text": "Yes.", "role": "assistant", "lang": "en", "rank": 0, "labels": {"name": ["x"]}}],
         (), (), "The row is a single message of a conversation, without those before it."),
    Case("code_alpaca_20k", TEXT, [{"instruction": "Hi?", "input": "", "output": "Yes."}], PLAIN),
    Case("python_code_instructions_18k_alpaca", TEXT,
         [{"instruction": "Hi?", "input": "", "output": "Yes.", "prompt": "Below is an instruction. Hi? ### Output: Yes."}], PLAIN),
    Case("MetaMathQA", TEXT,
         [{"type": "GSM_Rephrased", "query": "2+2?", "original_question": "2+2?", "response": "The answer is: 4"}],
         ("U 2+2? | A* The answer is: 4",)),
    Case("gsm8k", TEXT, [{"question": "2+2?", "answer": "It is <<2+2=4>>4.\n#### 4"}], ("U 2+2? | A* It is <<2+2=4>>4.\n#### 4",)),
    Case("gsm8k to check", QUESTIONS, [{"question": "2+2?", "answer": "It is <<2+2=4>>4.\n#### 4"}], FOUR),
    Case("OpenR1-Math-220k", TEXT,
         [{"problem": "Hi?", "solution": "So.", "answer": "4", "problem_type": "x", "question_type": "x", "source": "x", "uuid": "a",
           "is_reasoning_complete": [True], "generations": ["Yes."], "correctness_math_verify": [True], "correctness_llama": None,
           "finish_reasons": None, "correctness_count": 1, "messages": turns("Hi?", "Yes.")}], PLAIN),
    Case("OpenR1-Math-220k to check", QUESTIONS,
         [{"problem": "2+2?", "solution": "So.", "answer": "4", "generations": ["4"], "messages": turns("2+2?", "So it is 4.")}], FOUR),
    Case("Countdown with messages", QUESTIONS, [{"messages": turns("Reach 98."), "answer": NUMBERS}],
         ('U Reach 98. ? {"numbers": [44, 19, 35], "target": 98}',)),
    Case("Countdown with a ground truth", QUESTIONS,
         [{"target": 98, "nums": [44, 19, 35], "prompt": turns("Reach 98."), "ground_truth": NUMBERS}],
         ('U Reach 98. ? {"numbers": [44, 19, 35], "target": 98}',)),
    Case("HelpSteer2", TEXT,
         [{"prompt": "Hi?", "response": "Yes.", "helpfulness": 4, "correctness": 4, "coherence": 4, "complexity": 1, "verbosity": 1}],
         ("Hi?*Yes.",)),
    Case("HelpSteer2 as thumbs", UNPAIRED, [{"prompt": "Hi?", "response": "Yes.", "helpfulness": 4, "correctness": 4}], (), (),
         "helpfulness is a number on a scale, not good or bad"),
    Case("HelpSteer2 with its answers as messages", TEXT,
         [{"prompt": "Hi?", "response": [{"content": "Yes.", "role": "assistant"}], "helpfulness": 4}], PLAIN),
    Case("hh-rlhf-trl-style", PAIRS, [{"prompt": "Hi?", "chosen": turns("Hi?", "Yes."), "rejected": turns("Hi?", "No.")}], YES_NO),
    # From what is known of them: no card that names their columns was found.
    Case("hh-rlhf", PAIRS, [{"chosen": f"{HUMAN} Yes.", "rejected": f"{HUMAN} No."}], YES_NO),
    Case("sharegpt", TEXT, [{"id": "a_0", "conversations": spoken("Hi?", "Yes.")}], PLAIN),
    Case("Open-Platypus", TEXT, [{"input": "", "output": "Yes.", "instruction": "Hi?", "data_source": "x"}], PLAIN),
    Case("Skywork-Reward-Preference", PAIRS,
         [{"chosen": turns("Hi?", "Yes."), "rejected": turns("Hi?", "No."), "source": "x"}], YES_NO),
    Case("py-dpo", PAIRS, [{"prompt": "Hi?", "chosen": "Yes.", "rejected": "No.", "id": "a"}], ("Hi?*Yes.", "Hi?*No.")),
)  # fmt: skip
