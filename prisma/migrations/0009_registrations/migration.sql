-- CreateTable
CREATE TABLE "repository" (
    "id" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "full_name" TEXT NOT NULL,
    "github_id" BIGINT,
    "default_branch" TEXT NOT NULL DEFAULT 'main',
    "state" TEXT NOT NULL DEFAULT 'active',
    "former_urls" JSONB NOT NULL DEFAULT '[]',
    "installation_id" BIGINT,
    "etag" TEXT,
    "tags" JSONB NOT NULL DEFAULT '{}',
    "next_poll_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "polled_at" TIMESTAMPTZ(3),
    "failure" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "repository_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "registration" (
    "project" TEXT NOT NULL,
    "repository_id" TEXT,
    "subdirectory" TEXT NOT NULL DEFAULT '',
    "targets" JSONB NOT NULL DEFAULT '[]',
    "proof" JSONB NOT NULL,
    "registered_by" TEXT NOT NULL,
    "versions" JSONB NOT NULL DEFAULT '[]',
    "next_poll_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "failure" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "registration_pkey" PRIMARY KEY ("project")
);

-- CreateTable
CREATE TABLE "trigger" (
    "id" TEXT NOT NULL,
    "repository_id" TEXT,
    "project" TEXT,
    "cause" TEXT NOT NULL,
    "ref" TEXT NOT NULL,
    "commit" TEXT,
    "targets" JSONB NOT NULL DEFAULT '[]',
    "state" TEXT NOT NULL DEFAULT 'received',
    "parts" JSONB NOT NULL DEFAULT '[]',
    "failure" JSONB,
    "workflow_started_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "key" TEXT NOT NULL,

    CONSTRAINT "trigger_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "webhook_delivery" (
    "id" TEXT NOT NULL,
    "event" TEXT NOT NULL,
    "body_sha256" TEXT NOT NULL,
    "answer" JSONB NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "webhook_delivery_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "repository_url_key" ON "repository"("url");

-- CreateIndex
CREATE INDEX "repository_github_id_idx" ON "repository"("github_id");

-- CreateIndex
CREATE INDEX "repository_next_poll_at_idx" ON "repository"("next_poll_at");

-- CreateIndex
CREATE INDEX "registration_repository_id_idx" ON "registration"("repository_id");

-- CreateIndex
CREATE UNIQUE INDEX "trigger_key_key" ON "trigger"("key");

-- CreateIndex
CREATE INDEX "trigger_repository_id_created_at_idx" ON "trigger"("repository_id", "created_at");

-- CreateIndex
CREATE INDEX "trigger_state_idx" ON "trigger"("state");

-- AddForeignKey
ALTER TABLE "registration" ADD CONSTRAINT "registration_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "repository"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "trigger" ADD CONSTRAINT "trigger_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "repository"("id") ON DELETE SET NULL ON UPDATE CASCADE;
