// The window that the launcher shows before there is a Qt: osascript -l JavaScript progress.js FOLDER [SENTENCE]
//
// FOLDER/status is read four times a second: "busy" or "stopped", the percentage or -1, then the text. A button writes
// FOLDER/answer: "again" or "quit". The window goes when the folder has gone or the launcher has ended. With a SENTENCE
// instead of a FOLDER it shows that, and a button to quit. It is a plain window: no alert, which macOS 27 may not draw.
ObjC.import("Cocoa");
ObjC.bindFunction("getppid", ["int", []]);

const WIDTH = 460;
const HEIGHT = 150;

function run(argv) {
    const [folder, sentence] = argv;
    const launcher = $.getppid();
    const app = $.NSApplication.sharedApplication;
    app.setActivationPolicy($.NSApplicationActivationPolicyAccessory);

    const frame = $.NSMakeRect(0, 0, WIDTH, HEIGHT);
    const style = $.NSWindowStyleMaskTitled | $.NSWindowStyleMaskClosable;
    const window = $.NSWindow.alloc.initWithContentRectStyleMaskBackingDefer(frame, style, $.NSBackingStoreBuffered, false);
    window.title = "Hone";
    window.releasedWhenClosed = false;

    const label = $.NSTextField.wrappingLabelWithString("");
    label.frame = $.NSMakeRect(20, 70, WIDTH - 40, 64);
    const bar = $.NSProgressIndicator.alloc.initWithFrame($.NSMakeRect(20, 50, WIDTH - 40, 16));
    bar.style = $.NSProgressIndicatorStyleBar;
    bar.usesThreadedAnimation = true;

    function show(state, percent, text) {
        label.stringValue = text;
        bar.hidden = state !== "busy";
        bar.indeterminate = percent < 0;
        bar.doubleValue = percent;
        bar.startAnimation(null);
        again.hidden = state !== "stopped";
    }

    function answer(word) {
        if (!folder) return app.terminate(null);
        const path = $(folder).stringByAppendingPathComponent("answer");
        $(word + "\n").writeToFileAtomicallyEncodingError(path, true, $.NSUTF8StringEncoding, null);
        if (word === "quit") app.terminate(null);
        else show("busy", -1, "Trying again");
    }

    function tick() {
        const path = $(folder).stringByAppendingPathComponent("status");
        const status = $.NSString.stringWithContentsOfFileEncodingError(path, $.NSUTF8StringEncoding, null);
        if (status.isNil() || $.getppid() !== launcher) return app.terminate(null);
        const answered = $.NSFileManager.defaultManager.fileExistsAtPath($(folder).stringByAppendingPathComponent("answer"));
        const [state, percent, ...text] = status.js.trimEnd().split("\n");
        if (!answered) show(state, Number(percent), text.join("\n"));
    }

    const none = ["void", ["id"]];
    ObjC.registerSubclass({
        name: "HoneTarget",
        methods: {
            "again:": { types: none, implementation: () => answer("again") },
            "quit:": { types: none, implementation: () => answer("quit") },
            "tick:": { types: none, implementation: tick },
            "windowWillClose:": { types: none, implementation: () => answer("quit") },
        },
    });
    const target = $.HoneTarget.alloc.init;
    window.delegate = target;

    function button(title, action, x) {
        const made = $.NSButton.buttonWithTitleTargetAction(title, target, action);
        made.frame = $.NSMakeRect(x, 10, 110, 32);
        window.contentView.addSubview(made);
        return made;
    }

    const quit = button("Quit", "quit:", WIDTH - 240);
    const again = button("Try again", "again:", WIDTH - 125);
    quit.keyEquivalent = "\u001b";
    again.keyEquivalent = "\r";
    window.contentView.addSubview(label);
    window.contentView.addSubview(bar);
    if (folder) $.NSTimer.scheduledTimerWithTimeIntervalTargetSelectorUserInfoRepeats(0.25, target, "tick:", null, true);
    show(folder ? "busy" : "refused", -1, sentence || "Hone is setting itself up.");

    window.center;
    window.makeKeyAndOrderFront(null);
    app.activateIgnoringOtherApps(true);
    app.run;
}
