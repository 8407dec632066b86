"""How the starter model and the sample data are made. Nothing here is needed to run Hone.

corpus     writes the chat corpus: tasks/ draws questions with right answers, styles.py varies the answers
tokenizer  learns the tokenizer from the corpus
model      writes the untrained model folder
train      trains it with Hone's own trainer
measure    asks the held-out questions and writes the accuracies
samples    writes the sample datasets
"""
