-- A build's lock may come with its end: one call and one update of the attempt less for each cell. Only where the lease
-- has said that nothing can be known under the key.

-- CreateIndex
CREATE INDEX "plan_release_id_idx" ON "plan"("release_id");

DROP FUNCTION "farm_lease"(TEXT, TEXT, TEXT, INTEGER, TEXT, TEXT, TEXT, TEXT, JSONB, JSONB);
DROP FUNCTION "farm_end"(TEXT, TEXT, TEXT, JSONB, INTEGER, BIGINT, INTEGER, TEXT, JSONB, JSONB, TEXT, TEXT, TEXT);

-- The lease of a delivery of kind build or test, under the lock of the cell. `first`: no other attempt was ever begun for
-- this target of this release, so there is none whose key this one could have.
CREATE FUNCTION "farm_lease"(
  kind_ TEXT, owner_ TEXT, target_ TEXT, delivery_ INTEGER, worker_ TEXT, lease_ TEXT, secret_hash_ TEXT,
  attempt_ TEXT, row_ JSONB, inputs_ JSONB,
  OUT refused TEXT, OUT attempt_id TEXT, OUT log_bytes BIGINT, OUT "row" JSONB,
  OUT wheel_sha256 TEXT, OUT wheel_filename TEXT, OUT wheel_bytes BIGINT, OUT "first" BOOLEAN
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  plan_ TEXT; cell_state TEXT; cell_attempt TEXT; number_ INTEGER; state_ TEXT; tars JSONB;
BEGIN
  SELECT b.plan_sha256 INTO plan_ FROM build b WHERE b.id = owner_;
  IF plan_ IS NULL THEN refused := 'no build'; RETURN; END IF;
  SELECT c.state, c.attempt_id INTO cell_state, cell_attempt FROM cell c
    WHERE c.plan_sha256 = plan_ AND c.target = target_ FOR UPDATE;
  IF NOT FOUND THEN refused := 'no cell'; RETURN; END IF;
  -- Looked at under the lock: a cancel or a newer delivery may have come between.
  PERFORM 1 FROM build b WHERE b.id = owner_ AND b.state = 'running' AND b.cancel_requested_at IS NULL;
  IF NOT FOUND THEN refused := 'build ended'; RETURN; END IF;
  IF cell_state <> 'running' AND (kind_ = 'test' OR cell_state <> 'queued') THEN refused := 'cell ended'; RETURN; END IF;
  PERFORM 1 FROM lease l
    WHERE l.kind = kind_ AND l.owner_id = owner_ AND l.target = target_ AND l.delivery > delivery_;
  IF FOUND THEN refused := 'stale'; RETURN; END IF;

  IF kind_ = 'test' THEN
    SELECT a.id, a.log_bytes, a."row", a.wheel_sha256, a.wheel_filename, a.wheel_bytes
      INTO attempt_id, log_bytes, "row", wheel_sha256, wheel_filename, wheel_bytes
      FROM attempt a WHERE a.id = cell_attempt;
    IF attempt_id IS NULL OR "row" IS NULL OR wheel_sha256 IS NULL OR wheel_filename IS NULL THEN
      refused := 'no wheel'; RETURN;
    END IF;
    SELECT jsonb_agg(i.tar_sha256) INTO tars FROM image i
      WHERE (i.name = "row"->>'image' AND i.key = "row"->>'imageKey')
         OR (i.name = "row"->>'testImage' AND i.key = "row"->>'testImageKey');
    inputs_ := coalesce(tars, '[]'::jsonb) || jsonb_build_array(wheel_sha256);
    UPDATE cell c SET step = 'test', updated_at = now() WHERE c.plan_sha256 = plan_ AND c.target = target_;
  ELSE
    SELECT a.id, a.log_bytes, a.number, a.state INTO attempt_id, log_bytes, number_, state_ FROM attempt a
      WHERE a.build_id = owner_ AND a.target = target_ ORDER BY a.number DESC LIMIT 1;
    "row" := row_;
    IF state_ = 'running' THEN
      UPDATE attempt a SET worker = worker_, "row" = row_, image_key = row_->>'imageKey' WHERE a.id = attempt_id;
    ELSE
      attempt_id := attempt_;
      log_bytes := 0;
      INSERT INTO attempt (id, build_id, target, number, worker, "row", image_key)
        VALUES (attempt_, owner_, target_, coalesce(number_, 0) + 1, worker_, row_, row_->>'imageKey');
    END IF;
    UPDATE cell c SET state = 'running', step = 'fetch', attempt_id = farm_lease.attempt_id, updated_at = now()
      WHERE c.plan_sha256 = plan_ AND c.target = target_;
    "first" := NOT EXISTS (SELECT FROM plan p JOIN plan q ON q.release_id = p.release_id
      JOIN build b ON b.plan_sha256 = q.sha256 JOIN attempt a ON a.build_id = b.id AND a.target = target_
      WHERE p.sha256 = plan_ AND a.id <> farm_lease.attempt_id);
  END IF;

  IF delivery_ > 1 THEN
    UPDATE lease l SET revoked_at = now()
      WHERE l.kind = kind_ AND l.owner_id = owner_ AND l.target = target_ AND l.delivery < delivery_
        AND l.revoked_at IS NULL;
  END IF;
  -- A new id: whoever still holds the old one is refused by it as by the secret.
  INSERT INTO lease (id, kind, owner_id, target, attempt_id, delivery, worker, secret_hash, inputs)
    VALUES (lease_, kind_, owner_, target_, farm_lease.attempt_id, delivery_, worker_, secret_hash_, inputs_)
    ON CONFLICT (kind, owner_id, target, delivery) DO UPDATE SET
      id = excluded.id, attempt_id = excluded.attempt_id, worker = excluded.worker,
      secret_hash = excluded.secret_hash, inputs = excluded.inputs, revoked_at = NULL, ended_at = NULL;
END $$;

-- How a delivery of kind build or test ended, with the step events and the log that were not sent before.
-- The whole rest of the log is `log_bytes_` from `log_offset_` on, kept as blob `log_`; other chunks refuse it.
-- `lock_` and `key_`: of a build whose lock was not sent before; null keeps what is there.
-- `failure_`: what the outcome of a build is judged as; null is a success.
CREATE FUNCTION "farm_end"(
  lease_ TEXT, secret_hash_ TEXT, kind_ TEXT, events_ JSONB, events_max INTEGER, log_offset_ BIGINT, log_bytes_ INTEGER,
  log_ TEXT, outcome_ JSONB, failure_ JSONB, built_sha256_ TEXT, built_filename_ TEXT, reused_from_ TEXT,
  lock_ JSONB, key_ TEXT,
  OUT refused TEXT
) LANGUAGE plpgsql AS $$
DECLARE
  owner_ TEXT; target_ TEXT; attempt_ TEXT; plan_ TEXT; last_step TEXT; length_ BIGINT; running BOOLEAN;
BEGIN
  SELECT l.owner_id, l.target, l.attempt_id, b.plan_sha256 INTO owner_, target_, attempt_, plan_
    FROM lease l JOIN build b ON b.id = l.owner_id WHERE l.id = lease_;
  PERFORM 1 FROM cell c WHERE c.plan_sha256 = plan_ AND c.target = target_ FOR UPDATE;
  refused := farm_lease_refusal(lease_, secret_hash_);
  IF refused IS NOT NULL THEN RETURN; END IF;
  SELECT a.log_bytes, a.state = 'running' INTO length_, running FROM attempt a WHERE a.id = attempt_ FOR UPDATE;
  IF log_bytes_ > 0 AND (length_ <> log_offset_ OR EXISTS (SELECT FROM log_chunk k WHERE k.attempt_id = attempt_)) THEN
    refused := 'log'; RETURN;
  END IF;
  IF jsonb_array_length(events_) > 0 AND (SELECT count(*) FROM step_event e WHERE e.attempt_id = attempt_) < events_max THEN
    INSERT INTO step_event (attempt_id, step, state, ms, note)
      SELECT attempt_, e.step, e.state, e.ms, e.note
      FROM ROWS FROM (jsonb_to_recordset(events_) AS (step TEXT, state TEXT, ms INTEGER, note TEXT)) WITH ORDINALITY
        AS e(step, state, ms, note, place) ORDER BY e.place;
    SELECT e.value->>'step' INTO last_step FROM jsonb_array_elements(events_) WITH ORDINALITY AS e(value, place)
      WHERE e.value->>'state' = 'started' ORDER BY e.place DESC LIMIT 1;
  END IF;
  IF kind_ = 'test' THEN
    UPDATE attempt a SET step = coalesce(last_step, a.step), log_bytes = a.log_bytes + log_bytes_,
        test_log_sha256 = coalesce(log_, a.test_log_sha256), test_outcome = outcome_, test_lock = outcome_->'lock'
      WHERE a.id = attempt_;
    UPDATE cell c SET state = 'succeeded', step = NULL, tested = outcome_->>'tested',
        test_failure = coalesce(outcome_->'failure', c.test_failure), updated_at = now()
      WHERE c.plan_sha256 = plan_ AND c.target = target_ AND c.state = 'running' AND c.attempt_id = attempt_;
  ELSE
    UPDATE attempt a SET step = coalesce(last_step, a.step), log_bytes = a.log_bytes + log_bytes_,
        log_sha256 = coalesce(log_, a.log_sha256),
        outcome = CASE WHEN running THEN outcome_ ELSE a.outcome END,
        lock = CASE WHEN running THEN coalesce(lock_, a.lock) ELSE a.lock END,
        attempt_key = CASE WHEN running THEN coalesce(key_, a.attempt_key) ELSE a.attempt_key END,
        reused_from = CASE WHEN running THEN reused_from_ ELSE a.reused_from END,
        state = CASE WHEN running AND failure_ IS NOT NULL THEN 'failed' ELSE a.state END,
        failure = CASE WHEN running AND failure_ IS NOT NULL THEN failure_ ELSE a.failure END,
        ended_at = CASE WHEN running AND failure_ IS NOT NULL THEN now() ELSE a.ended_at END,
        built_sha256 = CASE WHEN running THEN coalesce(built_sha256_, a.built_sha256) ELSE a.built_sha256 END,
        built_filename = CASE WHEN running THEN coalesce(built_filename_, a.built_filename) ELSE a.built_filename END
      WHERE a.id = attempt_;
    UPDATE cell c SET
        state = CASE WHEN failure_ IS NULL THEN c.state ELSE 'failed' END,
        failure = coalesce(failure_, c.failure),
        step = CASE WHEN failure_ IS NULL THEN 'describe' ELSE coalesce(last_step, c.step) END,
        notes = CASE WHEN failure_ IS NULL THEN coalesce(outcome_->'notes', '[]'::jsonb) ELSE c.notes END,
        updated_at = now()
      WHERE c.plan_sha256 = plan_ AND c.target = target_ AND c.state = 'running' AND c.attempt_id = attempt_;
  END IF;
  UPDATE lease SET ended_at = now() WHERE id = lease_;
END $$;
