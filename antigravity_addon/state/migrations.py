"""The tables of the file, version by version. A migration that was released is never changed."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # what can be found and forgotten; `id` is null for a deleted response that others go on from
        """CREATE TABLE kept (
            number INTEGER PRIMARY KEY, owner TEXT NOT NULL, kind TEXT NOT NULL, id TEXT, used INTEGER NOT NULL,
            previous INTEGER REFERENCES kept ON DELETE SET NULL
        )""",
        "CREATE UNIQUE INDEX kept_id ON kept (owner, kind, id)",
        "CREATE INDEX kept_used ON kept (used)",
        "CREATE INDEX kept_previous ON kept (previous)",
        # apart from what is large, so that noting a use is cheap
        """CREATE TABLE signature (
            kept INTEGER PRIMARY KEY REFERENCES kept ON DELETE CASCADE,
            model TEXT NOT NULL, upstream_id TEXT, signature TEXT NOT NULL
        )""",
        """CREATE TABLE response (
            kept INTEGER PRIMARY KEY REFERENCES kept ON DELETE CASCADE,
            created INTEGER NOT NULL, previous_id TEXT, response BLOB NOT NULL
        )""",
        """CREATE TABLE conversation (
            kept INTEGER PRIMARY KEY REFERENCES kept ON DELETE CASCADE,
            created INTEGER NOT NULL, metadata BLOB NOT NULL
        )""",
        # of a response or a conversation
        """CREATE TABLE item (
            number INTEGER PRIMARY KEY, kept INTEGER NOT NULL REFERENCES kept ON DELETE CASCADE,
            id TEXT NOT NULL, is_input INTEGER NOT NULL, content BLOB NOT NULL
        )""",
        "CREATE INDEX item_kept ON item (kept)",
        "CREATE INDEX item_id ON item (id)",
    ),
    (
        """CREATE TABLE pool_cooldown (
            scope TEXT NOT NULL, model TEXT NOT NULL, until REAL NOT NULL, failures INTEGER NOT NULL,
            reason TEXT NOT NULL, PRIMARY KEY (scope, model)
        ) WITHOUT ROWID""",
        """CREATE TABLE pool_disabled (
            account TEXT NOT NULL PRIMARY KEY, reason TEXT NOT NULL, since REAL NOT NULL, fingerprint TEXT NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE pool_binding (
            conversation TEXT NOT NULL PRIMARY KEY, account TEXT NOT NULL, used REAL NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX pool_binding_used ON pool_binding (used)",
        """CREATE TABLE pool_usage (
            day TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL, client TEXT NOT NULL,
            requests INTEGER NOT NULL, errors INTEGER NOT NULL, attempts INTEGER NOT NULL,
            input_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
            output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
            seconds REAL NOT NULL, first_token_seconds REAL NOT NULL, first_tokens INTEGER NOT NULL,
            PRIMARY KEY (day, account, model, client)
        ) WITHOUT ROWID""",
        # a number is not given out again once its order was deleted
        """CREATE TABLE pool_order (
            number INTEGER PRIMARY KEY AUTOINCREMENT, action TEXT NOT NULL, account TEXT NOT NULL,
            scope TEXT NOT NULL, reason TEXT NOT NULL, given REAL NOT NULL
        )""",
        # of the file, taken by the rows of the tables above; one row
        "CREATE TABLE pool_size (pages INTEGER NOT NULL)",
        "INSERT INTO pool_size VALUES (0)",
    ),
)
"""Each takes the file from one version to the next; the version is `PRAGMA user_version`."""
