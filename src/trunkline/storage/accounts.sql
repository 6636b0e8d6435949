-- all_accounts: Every account.
SELECT sid, auth_token FROM account;

-- all_keys: Every API key.
SELECT sid, account_sid, secret FROM api_key;

-- first_account: The account that needs no naming.
SELECT sid, auth_token FROM account WHERE first = 1;

-- first_key: Of an account's keys the one that a start used last.
SELECT sid, account_sid, secret FROM api_key
WHERE account_sid = :account_sid
ORDER BY created_ms DESC, sid DESC
LIMIT 1;

-- save_account: Insert an account, or replace the auth token of an existing one.
INSERT INTO account (sid, auth_token, created_ms)
VALUES (:sid, :auth_token, :now_ms)
ON CONFLICT (sid) DO UPDATE SET auth_token = excluded.auth_token;

-- mark_first: Make an account the first, and no other.
UPDATE account SET first = (sid = :sid) WHERE first <> (sid = :sid);

-- save_key: Insert an API key, or give an existing one this account, secret and time.
INSERT INTO api_key (sid, account_sid, secret, created_ms)
VALUES (:sid, :account_sid, :secret, :now_ms)
ON CONFLICT (sid) DO UPDATE SET
    account_sid = excluded.account_sid,
    secret = excluded.secret,
    created_ms = excluded.created_ms;
