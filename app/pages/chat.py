"""The Chat page: a conversation with one model, or with several side by side over the same base."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.desktop import preferences
from app.desktop.language import tr
from app.pages.chat_panel import ChatPanel
from app.pages.conversation_view import ConversationView
from app.pages.correct_answer import open_correction
from app.pages.model_choice import ModelChoice
from app.runs import chat_models, history
from app.runs.chat_history import ChatHistory
from app.runs.chat_models import STARTER
from app.runs.chat_session import ChatSession
from app.runs.conversation import Conversation, Speaker, Turn
from app.runs.job_queue import JobQueue
from app.style import theme
from app.threads.run_thread import chat_opener
from app.threads.task import Task
from app.widgets.allow_code import ask_to_allow
from app.widgets.bubbles import AnswerBubble
from app.widgets.buttons import plain_button, quiet_button
from app.widgets.card import hbox, vbox
from app.widgets.labels import title
from app.widgets.notice import Notice
from core.errors import UserError
from core.run import Run

_RELEASE_MS = 60_000  # after the page was left


class ChatPage(QWidget):
    """One conversation at a time; choosing another model begins a new one."""

    use_it = Signal(object)  # the folder of an adapter that is to go to other programs

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self._added: Path | None = None  # the adapter of which the offer speaks
        self.session = ChatSession(jobs, self)
        self.history = ChatHistory(preferences.data_folder() / "chats")
        self._conversation = Conversation(STARTER.base)
        self._path: Path | None = None  # of the conversation, once it is kept
        self._answers: dict[int, tuple[AnswerBubble, str]] = {}  # that are being written, by ticket, with the adapter
        self._stopped: set[int] = set()  # tickets of those that the person has stopped
        self.release_timer = QTimer(self, singleShot=True, interval=_RELEASE_MS)
        self.release_timer.timeout.connect(self._release_unseen)
        self._build()
        self.view.sent.connect(self.send)
        self.new_button.clicked.connect(self.start_anew)
        self.panel.settings.free_memory.connect(self.session.release)
        self.panel.conversations.opened.connect(self.open_conversation)
        self.panel.conversations.deleted.connect(self._forget)
        self.panel.conversations.failed.connect(self._show_note)
        self.session.text_written.connect(self._add_text)
        self.session.answer_finished.connect(self._finish_answer)
        self.session.failed.connect(self._show_failure)
        self.session.noted.connect(lambda note: self.notice.show_message(note, tone="accent"))
        self.session.model_loading.connect(partial(self.view.show_loading, True))
        self.session.model_loaded.connect(partial(self._show_loaded, True))
        self.session.model_released.connect(partial(self._show_loaded, False))
        self.model.changed.connect(lambda: preferences.set_chat_model(self.model.chosen.key))
        self.model.changed.connect(self._use_model)
        self.model.failed.connect(self._show_problem)
        self.model.missed.connect(self._tell_missed)
        self.model.added.connect(self._offer_use)
        self.use_button.clicked.connect(lambda: self.use_it.emit(self._added))
        self._use_model()
        self.model.want(preferences.chat_model())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        Task(self, lambda: chat_models.list_models(history.list_known()), done=self.model.show_models)
        self.view.question.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.panel.settings.keep()
        self.release_timer.start()

    def _release_unseen(self) -> None:
        """Free a model that only takes memory, some time after the page was left; one that is answering goes on."""
        if self.isVisible():
            return
        if self._answers:
            self.release_timer.start()
        else:
            self.session.release()

    def talk_to(self, folder: Path) -> None:
        """Choose the model of a run when the page is shown next."""
        self.model.want(str(folder))

    def offer(self, folder: Path) -> None:
        """Choose the model of a run that has just ended, unless a conversation has begun."""
        if not self._conversation.turns:
            self.talk_to(folder)

    def send(self) -> None:
        """Send the message, or stop the answers that are being written."""
        if self._answers:
            self._stopped |= self._answers.keys()
            self.session.stop_answers()
            return
        question = self.view.question.text().strip()
        if not question:
            return
        if not self.session.has_model:  # its code was not allowed: ask again
            self._use_model()
            return
        self.model.want("")  # another one would end the conversation that begins here
        self.notice.hide()
        self.offer_notice.hide()
        models = [self.model.chosen, *self.model.beside]
        talk = self._conversation
        talk.system = self.panel.settings.system.toPlainText().strip()
        talk.turns.append(Turn(question, {model.adapter: "" for model in models}, talk.system))
        index = len(talk.turns) - 1
        tickets, sampling = [], self.panel.settings.sampling
        for model in models:
            messages = talk.messages(model.adapter, index)
            tickets.append(self.session.ask(messages, adapter=model.adapter or False, sampling=sampling))
        if None in tickets:  # a run has the model
            talk.turns.pop()
            return
        self.view.question.clear()
        known = {speaker.adapter for speaker in talk.speakers}
        talk.speakers += [Speaker(model.title, model.adapter) for model in models if model.adapter not in known]
        bubbles = self._add_bubbles(index)
        self._answers = {
            ticket: (bubble, model.adapter)
            for ticket, bubble, model in zip(tickets, bubbles, models, strict=True)
            if ticket is not None
        }
        self.view.show_answering(bool(self._answers))

    def _offer_use(self, folder: Path) -> None:
        """Tell that an adapter which was brought here can go to other programs too."""
        self._added = folder
        self.offer_notice.show_message(
            tr("“{name}” can be talked to here.", name=folder.name),
            tr("It can also go to other programs: as a whole model, a GGUF file, into Ollama and others."),
            "accent",
        )

    def start_anew(self) -> None:
        """Begin a new conversation with the same models."""
        self.session.stop_answers()
        self._answers = {}
        self._conversation, self._path = Conversation(self.model.chosen.base, self.model.chosen.adapter), None
        self.view.clear()
        self.view.show_answering(bool(self._answers))
        self._list_conversations()

    def open_conversation(self, path: Path) -> None:
        """Show a conversation that was kept, to go on with it."""
        talk = self.history.read(path)
        if talk is None:
            self._show_problem(tr("This conversation cannot be read any more."))
            self._list_conversations()
            return
        self.start_anew()
        self._conversation, self._path = talk, path
        self.panel.settings.system.setPlainText(talk.system)
        self.model.put_beside([s.adapter for s in talk.speakers])
        for index, turn in enumerate(talk.turns):
            for bubble, (_, written) in zip(self._add_bubbles(index), _speaking(talk, turn), strict=True):
                bubble.finish(written)

    def _add_bubbles(self, index: int) -> list[AnswerBubble]:
        """Bubbles for a turn of the conversation: its question, and an answer of each that was asked."""
        talk = self._conversation
        speaking = _speaking(talk, talk.turns[index])
        bubbles = self.view.add_turn(talk.turns[index].question, [speaker.title for speaker, _ in speaking])
        for bubble, (speaker, _) in zip(bubbles, speaking, strict=True):
            bubble.correct.connect(partial(self._correct, bubble, talk, speaker.adapter, index))
        return bubbles

    def _correct(self, bubble: AnswerBubble, talk: Conversation, adapter: str, index: int) -> None:
        open_correction(self, talk.messages(adapter, index), bubble)

    def _use_model(self) -> None:
        """Talk to the chosen model from now on, in a new conversation."""
        self.start_anew()
        self.session.use(None)
        chosen = self.model.chosen
        refused = partial(self._show_problem, tr("The model's own code has not been allowed to run."))
        ask_to_allow(self, chosen.run, partial(self._use_allowed, chosen.adapter), refused)

    def _use_allowed(self, adapter: str, run: Run) -> None:
        self.notice.hide()
        self.session.use(chat_opener(run, adapter or None))

    def _add_text(self, ticket: int, text: str) -> None:
        if ticket in self._answers:
            self._answers[ticket][0].add(text)

    def _finish_answer(self, ticket: int) -> None:
        if ticket not in self._answers:
            return
        bubble, adapter = self._answers.pop(ticket)
        bubble.finish()
        if ticket in self._stopped:
            bubble.show_state(tr("Stopped"))
        self._conversation.turns[-1].answers[adapter] = bubble.written
        if not self._answers:
            self._keep()
            self.view.show_answering(bool(self._answers))

    def _show_failure(self, sentence: str) -> None:
        """Nothing that was written is lost: the question goes back to its field."""
        if self._answers:
            for bubble, _ in self._answers.values():
                bubble.fail()
            self.view.question.setPlainText(self._conversation.turns[-1].question)
            if not any(self._conversation.turns[-1].answers.values()):
                self._conversation.turns.pop()
            self._answers = {}
        self._show_note(sentence)
        self._show_loaded(False)
        self.view.show_answering(bool(self._answers))

    def _show_problem(self, sentence: str) -> None:
        self.notice.show_message(sentence, tr("Choose another one."))

    def _tell_missed(self, folder: Path) -> None:
        """The model that was to be chosen is not there any more; the one that was chosen before stays."""
        preferences.set_chat_model("")
        self._show_problem(tr("The model in {folder} is not there any more.", folder=folder))

    def _show_note(self, sentence: str) -> None:
        self.notice.show_message(sentence, tone="warn")

    def _show_loaded(self, is_loaded: bool) -> None:
        self.view.show_loading(False)
        self.panel.settings.show_loaded(is_loaded)

    def _keep(self) -> None:
        try:
            self._path = self._path or self.history.new_path(self._conversation)
            self.history.keep(self._conversation, self._path)
        except UserError as error:
            self._show_note(tr("The conversation is not kept: {reason}", reason=error))
        self._list_conversations()

    def _forget(self, path: Path) -> None:
        """A conversation was deleted: the one that is shown goes too where it is that."""
        if path == self._path:
            self.start_anew()

    def _list_conversations(self) -> None:
        self.panel.list_conversations(self.model.chosen.key)

    def _build(self) -> None:
        layout = vbox(self, theme.MARGIN, theme.GRID + 4)
        self.panel = ChatPanel(self.history)
        layout.addLayout(self._build_header())
        self.model = ModelChoice()
        layout.addWidget(self.model)
        self.notice = Notice()
        layout.addWidget(self.notice)
        self.offer_notice, self.use_button = Notice(), plain_button(tr("Use it…"), "send")
        self.offer_notice.add_action(self.use_button)
        layout.addWidget(self.offer_notice)
        self.view = ConversationView()
        columns = hbox(gap=16)
        columns.addWidget(self.view, 1)
        columns.addWidget(self.panel)
        layout.addLayout(columns, 1)

    def _build_header(self) -> QHBoxLayout:
        header = hbox(gap=4)
        header.addWidget(title(tr("Chat")), 1)
        self.new_button = quiet_button(tr("New conversation"), "new")
        for button in (self.new_button, self.panel.history_button, self.panel.settings_button):
            header.addWidget(button)
        return header


def _speaking(talk: Conversation, turn: Turn) -> list[tuple[Speaker, str]]:
    """Who was asked in a turn, with what was answered."""
    titles = {speaker.adapter: speaker for speaker in talk.speakers}
    return [(titles[adapter], written) for adapter, written in turn.answers.items() if adapter in titles]
