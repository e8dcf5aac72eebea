-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "project" (
    "name" TEXT NOT NULL,
    "display_name" TEXT NOT NULL,
    "held" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "project_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "release" (
    "id" TEXT NOT NULL,
    "project" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "sdist_sha256" TEXT NOT NULL,
    "sdist_filename" TEXT NOT NULL,
    "origin" TEXT NOT NULL,
    "requires_python" TEXT,
    "upstream_files" JSONB NOT NULL DEFAULT '[]',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "release_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "plan" (
    "sha256" TEXT NOT NULL,
    "core_sha256" TEXT NOT NULL,
    "release_id" TEXT NOT NULL,
    "text" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "plan_pkey" PRIMARY KEY ("sha256")
);

-- CreateTable
CREATE TABLE "build" (
    "id" TEXT NOT NULL,
    "plan_sha256" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'running',
    "limits" JSONB,
    "workflow_started_at" TIMESTAMPTZ(3),
    "cancel_requested_at" TIMESTAMPTZ(3),
    "cancelled_by" TEXT,
    "again" BOOLEAN NOT NULL DEFAULT false,
    "failure" JSONB,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "build_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "cell" (
    "plan_sha256" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'queued',
    "step" TEXT,
    "tested" TEXT,
    "wheel_sha256" TEXT,
    "wheel_filename" TEXT,
    "covered_by" TEXT,
    "attempt_id" TEXT,
    "failure" JSONB,
    "test_failure" JSONB,
    "notes" JSONB NOT NULL DEFAULT '[]',
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "cell_pkey" PRIMARY KEY ("plan_sha256","target")
);

-- CreateTable
CREATE TABLE "attempt" (
    "id" TEXT NOT NULL,
    "build_id" TEXT,
    "source_id" TEXT,
    "target" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "row" JSONB,
    "state" TEXT NOT NULL DEFAULT 'running',
    "step" TEXT,
    "attempt_key" TEXT,
    "image_key" TEXT NOT NULL,
    "worker" TEXT,
    "lock" JSONB,
    "test_lock" JSONB,
    "outcome" JSONB,
    "test_outcome" JSONB,
    "failure" JSONB,
    "built_sha256" TEXT,
    "built_filename" TEXT,
    "wheel_sha256" TEXT,
    "wheel_filename" TEXT,
    "wheel_bytes" BIGINT,
    "metadata_sha256" TEXT,
    "sbom_sha256" TEXT,
    "log_sha256" TEXT,
    "test_log_sha256" TEXT,
    "log_bytes" BIGINT NOT NULL DEFAULT 0,
    "reused_from" TEXT,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "attempt_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "lease" (
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "owner_id" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "attempt_id" TEXT NOT NULL,
    "delivery" INTEGER NOT NULL,
    "worker" TEXT NOT NULL,
    "secret_hash" TEXT NOT NULL,
    "inputs" JSONB NOT NULL,
    "outputs" INTEGER NOT NULL DEFAULT 0,
    "revoked_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "lease_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "step_event" (
    "id" BIGSERIAL NOT NULL,
    "attempt_id" TEXT NOT NULL,
    "step" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "ms" INTEGER,
    "note" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "step_event_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "log_chunk" (
    "attempt_id" TEXT NOT NULL,
    "offset" BIGINT NOT NULL,
    "bytes" BYTEA NOT NULL,

    CONSTRAINT "log_chunk_pkey" PRIMARY KEY ("attempt_id","offset")
);

-- CreateTable
CREATE TABLE "source" (
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "sha256" TEXT NOT NULL,
    "filename" TEXT NOT NULL,
    "bytes" BIGINT NOT NULL,
    "source_date_epoch" INTEGER NOT NULL,
    "sdist_sha256" TEXT,
    "sdist_filename" TEXT,
    "state" TEXT NOT NULL DEFAULT 'ready',
    "failure" JSONB,
    "attempt_id" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "source_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "blob" (
    "sha256" TEXT NOT NULL,
    "bytes" BIGINT NOT NULL,
    "touched_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "blob_pkey" PRIMARY KEY ("sha256")
);

-- CreateTable
CREATE TABLE "image" (
    "name" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "tar_sha256" TEXT NOT NULL,
    "bytes" BIGINT NOT NULL,
    "record" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "image_pkey" PRIMARY KEY ("name","key")
);

-- CreateTable
CREATE TABLE "file" (
    "filename" TEXT NOT NULL,
    "sha256" TEXT NOT NULL,
    "bytes" BIGINT NOT NULL,
    "project" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "requires_python" TEXT,
    "metadata_sha256" TEXT,
    "upload_time" TIMESTAMPTZ(3) NOT NULL,
    "yanked" TEXT,
    "build_id" TEXT NOT NULL,
    "target" TEXT,
    "attempt_id" TEXT,
    "serial" BIGINT NOT NULL,

    CONSTRAINT "file_pkey" PRIMARY KEY ("filename")
);

-- CreateTable
CREATE TABLE "attestation" (
    "statement_sha256" TEXT NOT NULL,
    "file_sha256" TEXT NOT NULL,
    "filename" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "predicate_type" TEXT NOT NULL,
    "bundle" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "attestation_pkey" PRIMARY KEY ("statement_sha256")
);

-- CreateTable
CREATE TABLE "index_page" (
    "project" TEXT NOT NULL,
    "serial" BIGINT NOT NULL,
    "json" BYTEA NOT NULL,
    "html" BYTEA NOT NULL,
    "etag_json" TEXT NOT NULL,
    "etag_html" TEXT NOT NULL,

    CONSTRAINT "index_page_pkey" PRIMARY KEY ("project")
);

-- CreateTable
CREATE TABLE "index_head" (
    "id" INTEGER NOT NULL,
    "serial" BIGINT NOT NULL,

    CONSTRAINT "index_head_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "plane" (
    "id" TEXT NOT NULL,
    "serial" BIGINT NOT NULL,
    "seen_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "plane_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "upstream_page" (
    "project" TEXT NOT NULL,
    "etag" TEXT,
    "body" JSONB NOT NULL,
    "fetched_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "upstream_page_pkey" PRIMARY KEY ("project")
);

-- CreateTable
CREATE TABLE "upstream_file" (
    "sha256" TEXT NOT NULL,
    "project" TEXT NOT NULL,
    "filename" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "bytes" BIGINT,
    "metadata_sha256" TEXT,

    CONSTRAINT "upstream_file_pkey" PRIMARY KEY ("sha256")
);

-- CreateTable
CREATE TABLE "log_leaf" (
    "index" BIGINT NOT NULL,
    "leaf_hash" BYTEA NOT NULL,
    "body" BYTEA NOT NULL,
    "statement_sha256" TEXT NOT NULL,

    CONSTRAINT "log_leaf_pkey" PRIMARY KEY ("index")
);

-- CreateTable
CREATE TABLE "log_head" (
    "id" INTEGER NOT NULL,
    "size" BIGINT NOT NULL,
    "root" BYTEA NOT NULL,
    "checkpoint" TEXT NOT NULL,

    CONSTRAINT "log_head_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "release_project_version_sdist_sha256_key" ON "release"("project", "version", "sdist_sha256");

-- CreateIndex
CREATE INDEX "plan_core_sha256_created_at_idx" ON "plan"("core_sha256", "created_at");

-- CreateIndex
CREATE INDEX "build_plan_sha256_started_at_idx" ON "build"("plan_sha256", "started_at");

-- CreateIndex
CREATE INDEX "attempt_attempt_key_idx" ON "attempt"("attempt_key");

-- CreateIndex
CREATE INDEX "attempt_source_id_idx" ON "attempt"("source_id");

-- CreateIndex
CREATE UNIQUE INDEX "attempt_build_id_target_number_key" ON "attempt"("build_id", "target", "number");

-- CreateIndex
CREATE UNIQUE INDEX "lease_kind_owner_id_target_delivery_key" ON "lease"("kind", "owner_id", "target", "delivery");

-- CreateIndex
CREATE INDEX "step_event_attempt_id_idx" ON "step_event"("attempt_id");

-- CreateIndex
CREATE UNIQUE INDEX "file_sha256_key" ON "file"("sha256");

-- CreateIndex
CREATE INDEX "file_project_version_idx" ON "file"("project", "version");

-- CreateIndex
CREATE UNIQUE INDEX "attestation_file_sha256_kind_key" ON "attestation"("file_sha256", "kind");

-- CreateIndex
CREATE INDEX "index_page_serial_idx" ON "index_page"("serial");

-- CreateIndex
CREATE INDEX "upstream_file_project_idx" ON "upstream_file"("project");

-- CreateIndex
CREATE UNIQUE INDEX "log_leaf_statement_sha256_key" ON "log_leaf"("statement_sha256");

-- AddForeignKey
ALTER TABLE "release" ADD CONSTRAINT "release_project_fkey" FOREIGN KEY ("project") REFERENCES "project"("name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "plan" ADD CONSTRAINT "plan_release_id_fkey" FOREIGN KEY ("release_id") REFERENCES "release"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "build" ADD CONSTRAINT "build_plan_sha256_fkey" FOREIGN KEY ("plan_sha256") REFERENCES "plan"("sha256") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "cell" ADD CONSTRAINT "cell_plan_sha256_fkey" FOREIGN KEY ("plan_sha256") REFERENCES "plan"("sha256") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "attempt" ADD CONSTRAINT "attempt_build_id_fkey" FOREIGN KEY ("build_id") REFERENCES "build"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "step_event" ADD CONSTRAINT "step_event_attempt_id_fkey" FOREIGN KEY ("attempt_id") REFERENCES "attempt"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "log_chunk" ADD CONSTRAINT "log_chunk_attempt_id_fkey" FOREIGN KEY ("attempt_id") REFERENCES "attempt"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What the schema language cannot say: a plan has one running build at most.
CREATE UNIQUE INDEX "build_one_running" ON "build"("plan_sha256") WHERE "state" = 'running';

-- Locked by whoever publishes.
INSERT INTO "index_head" ("id", "serial") VALUES (1, 0);
