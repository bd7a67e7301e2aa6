CREATE TABLE account (
    id CHAR(32) NOT NULL,
    user_id CHAR(32) NOT NULL,
    account_number VARCHAR(10) NOT NULL,
    account_type VARCHAR(20) NOT NULL,
    nickname VARCHAR(50),
    balance_minor BIGINT NOT NULL,
    status VARCHAR(10) NOT NULL,
    status_reason VARCHAR(200),
    created_at VARCHAR(26) NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT balance_is_never_negative CHECK (balance_minor >= 0),
    CONSTRAINT known_status CHECK (status IN ('active', 'frozen', 'closed')),
    UNIQUE (account_number)
);
CREATE INDEX account_by_age ON account (created_at, id);
CREATE INDEX account_by_user ON account (user_id, created_at);
CREATE TABLE posting (
    transaction_id CHAR(32) NOT NULL,
    outcome VARCHAR(10) NOT NULL,
    reason VARCHAR(40),
    digest VARCHAR(64) NOT NULL,
    reverses_id CHAR(32),
    decided_at VARCHAR(26) NOT NULL,
    PRIMARY KEY (transaction_id),
    CONSTRAINT known_outcome CHECK (outcome IN ('posted', 'rejected', 'void'))
);
CREATE UNIQUE INDEX posting_reversal ON posting (reverses_id) WHERE reverses_id IS NOT NULL;
CREATE TABLE ledger_entry (
    sequence INTEGER NOT NULL,
    transaction_id CHAR(32) NOT NULL,
    account_id CHAR(32) NOT NULL,
    amount_minor BIGINT NOT NULL,
    balance_after_minor BIGINT,
    booked_at VARCHAR(26) NOT NULL,
    PRIMARY KEY (sequence),
    FOREIGN KEY(transaction_id) REFERENCES posting (transaction_id)
);
CREATE INDEX ledger_entry_by_account ON ledger_entry (account_id, booked_at, sequence);
CREATE INDEX ix_ledger_entry_transaction_id ON ledger_entry (transaction_id);
