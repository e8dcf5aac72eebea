-- AlterTable
ALTER TABLE "file" ADD COLUMN     "edit_id" TEXT,
ADD COLUMN     "original_sha256" TEXT;

-- CreateTable
CREATE TABLE "edit" (
    "id" TEXT NOT NULL,
    "project" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "mode" TEXT NOT NULL,
    "operations" JSONB NOT NULL,
    "why" TEXT NOT NULL,
    "requested_by" TEXT NOT NULL,
    "approvals" JSONB NOT NULL,
    "groups" JSONB NOT NULL,
    "build_tag" INTEGER NOT NULL,
    "builder" TEXT NOT NULL,
    "basis_sha256" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'running',
    "failure" JSONB,
    "workflow_started_at" TIMESTAMPTZ(3),
    "prepared_at" TIMESTAMPTZ(3),
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "edit_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "edit_wheel" (
    "edit_id" TEXT NOT NULL,
    "filename" TEXT NOT NULL,
    "sha256" TEXT NOT NULL,
    "bytes" BIGINT NOT NULL,
    "original_sha256" TEXT NOT NULL,
    "original_filename" TEXT NOT NULL,
    "original_metadata_sha256" TEXT NOT NULL,
    "base_sha256" TEXT NOT NULL,
    "own_sha256" TEXT NOT NULL,
    "own_bytes" INTEGER NOT NULL,
    "parts" JSONB NOT NULL,
    "metadata_sha256" TEXT NOT NULL,
    "requires_python" TEXT,
    "payload_digest" TEXT NOT NULL,
    "changes" JSONB NOT NULL,

    CONSTRAINT "edit_wheel_pkey" PRIMARY KEY ("edit_id","filename")
);

-- CreateTable
CREATE TABLE "wheel_payload" (
    "of_sha256" TEXT NOT NULL,
    "stored" JSONB NOT NULL,

    CONSTRAINT "wheel_payload_pkey" PRIMARY KEY ("of_sha256")
);

-- CreateIndex
CREATE INDEX "edit_project_version_idx" ON "edit"("project", "version");

-- CreateIndex
CREATE INDEX "edit_wheel_sha256_idx" ON "edit_wheel"("sha256");

-- AddForeignKey
ALTER TABLE "edit_wheel" ADD CONSTRAINT "edit_wheel_edit_id_fkey" FOREIGN KEY ("edit_id") REFERENCES "edit"("id") ON DELETE CASCADE ON UPDATE CASCADE;
