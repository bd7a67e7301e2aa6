CREATE TABLE user (
    id CHAR(32) NOT NULL,
    username VARCHAR(50) NOT NULL,
    email VARCHAR(100) NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    full_name VARCHAR(100),
    phone VARCHAR(30),
    role VARCHAR(20) NOT NULL,
    status VARCHAR(20) NOT NULL,
    created_at VARCHAR(26) NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT known_role CHECK (role IN ('customer', 'employee', 'admin')),
    CONSTRAINT known_status CHECK (status IN ('active', 'disabled'))
);
CREATE UNIQUE INDEX user_by_username ON user (lower(username));
CREATE INDEX user_by_age ON user (created_at, id);
CREATE UNIQUE INDEX user_by_email ON user (lower(email));
CREATE TABLE ended_session (
    sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    session_id CHAR(32) NOT NULL,
    ended_at VARCHAR(26) NOT NULL
);
CREATE INDEX ix_ended_session_ended_at ON ended_session (ended_at);
CREATE TABLE lockout (
    name_digest VARCHAR(64) NOT NULL,
    failures INTEGER NOT NULL,
    failed_at VARCHAR(26) NOT NULL,
    locked_until VARCHAR(26),
    PRIMARY KEY (name_digest)
);
CREATE INDEX ix_lockout_failed_at ON lockout (failed_at);
CREATE TABLE login_session (
    id CHAR(32) NOT NULL,
    user_id CHAR(32) NOT NULL,
    ip VARCHAR(45) NOT NULL,
    user_agent VARCHAR(200) NOT NULL,
    created_at VARCHAR(26) NOT NULL,
    last_used_at VARCHAR(26) NOT NULL,
    expires_at VARCHAR(26) NOT NULL,
    ended_at VARCHAR(26),
    PRIMARY KEY (id),
    FOREIGN KEY(user_id) REFERENCES user (id)
);
CREATE INDEX ix_login_session_expires_at ON login_session (expires_at);
CREATE INDEX login_session_by_user ON login_session (user_id, created_at, id);
CREATE TABLE refresh_token (
    digest VARCHAR(64) NOT NULL,
    session_id CHAR(32) NOT NULL,
    used_at VARCHAR(26),
    PRIMARY KEY (digest),
    FOREIGN KEY(session_id) REFERENCES login_session (id) ON DELETE CASCADE
);
CREATE INDEX ix_refresh_token_session_id ON refresh_token (session_id);
