-- accounts: Every account.
SELECT sid, auth_token, name AS friendly_name, suspended, first, created_ms
FROM account;

-- keys: Every API key.
SELECT sid, account_sid, secret, name AS friendly_name, created_ms FROM api_key;

-- first_account: The account that needs no naming.
SELECT sid, auth_token, name AS friendly_name, suspended, first, created_ms
FROM account WHERE first = 1;

-- first_key: Of an account's keys the one that a start used last.
SELECT sid, account_sid, secret, name AS friendly_name, created_ms FROM api_key
WHERE account_sid = :account_sid AND first = 1;

-- save_account: Insert an account, or put it in the place of its former self.
INSERT INTO account (sid, auth_token, name, suspended, created_ms)
VALUES (:sid, :auth_token, :friendly_name, :suspended, :created_ms)
ON CONFLICT (sid) DO UPDATE SET
    auth_token = excluded.auth_token,
    name = excluded.name,
    suspended = excluded.suspended;

-- given_account: Insert the account of the settings; of a known one replace the token.
INSERT INTO account (sid, auth_token, created_ms)
VALUES (:sid, :auth_token, :now_ms)
ON CONFLICT (sid) DO UPDATE SET auth_token = excluded.auth_token;

-- mark_first: Make an account the first, and no other; the first is never suspended.
UPDATE account SET first = (sid = :sid), suspended = suspended AND sid <> :sid
WHERE first <> (sid = :sid);

-- save_key: Insert an API key.
INSERT INTO api_key (sid, account_sid, secret, name, created_ms)
VALUES (:sid, :account_sid, :secret, :friendly_name, :created_ms);

-- given_key: Insert the key of the settings, or give a known one this owner and secret.
INSERT INTO api_key (sid, account_sid, secret, created_ms)
VALUES (:sid, :account_sid, :secret, :now_ms)
ON CONFLICT (sid) DO UPDATE SET
    account_sid = excluded.account_sid,
    secret = excluded.secret;

-- mark_first_key: Make a key the first of its account, and no other.
UPDATE api_key SET first = (sid = :sid)
WHERE account_sid = :account_sid AND first <> (sid = :sid);

-- delete_key: Drop an API key.
DELETE FROM api_key WHERE sid = ?;
