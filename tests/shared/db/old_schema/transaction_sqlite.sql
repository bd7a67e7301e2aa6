CREATE TABLE "transaction" (
    id CHAR(32) NOT NULL,
    user_id CHAR(32) NOT NULL,
    transaction_type VARCHAR(12) NOT NULL,
    amount_minor BIGINT NOT NULL,
    status VARCHAR(10) NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    created_at VARCHAR(26) NOT NULL,
    timestamp VARCHAR(26) NOT NULL,
    lease_until VARCHAR(26),
    reason VARCHAR(40),
    description VARCHAR(200),
    from_account_id CHAR(32),
    to_account_id CHAR(32),
    to_account_number VARCHAR(10),
    reverses_id CHAR(32),
    from_user_id CHAR(32),
    to_user_id CHAR(32),
    from_masked_number VARCHAR(10),
    to_masked_number VARCHAR(10),
    from_balance_after_minor BIGINT,
    to_balance_after_minor BIGINT,
    idempotency_key VARCHAR(255),
    request_id VARCHAR(64),
    PRIMARY KEY (id),
    CONSTRAINT one_transaction_per_key UNIQUE (user_id, idempotency_key),
    CONSTRAINT known_status CHECK (status IN ('pending', 'completed', 'failed')),
    CONSTRAINT amount_is_positive CHECK (amount_minor > 0)
);
CREATE INDEX transaction_reversal ON "transaction" (reverses_id) WHERE reverses_id IS NOT NULL;
CREATE INDEX reversal_by_age ON "transaction" (transaction_type, timestamp, id) WHERE transaction_type = 'reversal';
CREATE INDEX transaction_not_completed ON "transaction" (status, timestamp, id) WHERE (status = 'pending' OR status = 'failed');
CREATE INDEX transaction_by_age ON "transaction" (timestamp, id);
CREATE TABLE transaction_leg (
    transaction_id CHAR(32) NOT NULL,
    direction VARCHAR(3) NOT NULL,
    user_id CHAR(32) NOT NULL,
    account_id CHAR(32) NOT NULL,
    transaction_type VARCHAR(12) NOT NULL,
    amount_minor BIGINT NOT NULL,
    status VARCHAR(10) NOT NULL,
    internal BOOLEAN NOT NULL,
    timestamp VARCHAR(26) NOT NULL,
    PRIMARY KEY (transaction_id, direction),
    CONSTRAINT known_direction CHECK (direction IN ('in', 'out')),
    FOREIGN KEY(transaction_id) REFERENCES "transaction" (id)
);
CREATE INDEX leg_of_reversal ON transaction_leg (user_id, transaction_type, timestamp, transaction_id) WHERE transaction_type = 'reversal';
CREATE INDEX leg_by_user ON transaction_leg (user_id, timestamp);
CREATE INDEX leg_not_completed ON transaction_leg (user_id, status, timestamp, transaction_id) WHERE (status = 'pending' OR status = 'failed');
CREATE INDEX leg_by_account ON transaction_leg (account_id, timestamp);
CREATE TABLE daily_volume (
    user_id CHAR(32) NOT NULL,
    day DATE NOT NULL,
    transaction_type VARCHAR(12) NOT NULL,
    direction VARCHAR(3) NOT NULL,
    internal BOOLEAN NOT NULL,
    account_id CHAR(32) NOT NULL,
    count BIGINT NOT NULL,
    total_minor BIGINT NOT NULL,
    largest_minor BIGINT NOT NULL,
    PRIMARY KEY (user_id, day, transaction_type, direction, internal, account_id)
)
 WITHOUT ROWID;
