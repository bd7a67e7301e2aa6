CREATE TABLE report (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    report_type VARCHAR(11) NOT NULL,
    title VARCHAR(100) NOT NULL,
    parameters JSON NOT NULL,
    report_data JSON NOT NULL,
    size_bytes INTEGER NOT NULL,
    digest VARCHAR(64) NOT NULL,
    edition INTEGER NOT NULL,
    created_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT one_report_per_edition UNIQUE (digest, edition),
    CONSTRAINT known_type CHECK (report_type IN ('account', 'transaction', 'system'))
);
CREATE INDEX report_by_age ON report (created_at, id);
CREATE INDEX report_by_user ON report (user_id, created_at, id);
