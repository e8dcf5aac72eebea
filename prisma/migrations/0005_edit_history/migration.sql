-- AlterTable
ALTER TABLE "edit" ADD COLUMN     "accepted_conflict" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "batch_id" TEXT,
ADD COLUMN     "original_sdist_sha256" TEXT,
ADD COLUMN     "resolution" JSONB,
ADD COLUMN     "sdist_bytes" BIGINT,
ADD COLUMN     "sdist_filename" TEXT,
ADD COLUMN     "sdist_metadata_sha256" TEXT,
ADD COLUMN     "sdist_sha256" TEXT,
ADD COLUMN     "to_version" TEXT,
ADD COLUMN     "undoes" TEXT;

-- CreateTable
CREATE TABLE "yank_event" (
    "id" TEXT NOT NULL,
    "project" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "reason" TEXT,
    "why" TEXT NOT NULL,
    "by" TEXT NOT NULL,
    "files" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "yank_event_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "yank_event_project_version_idx" ON "yank_event"("project", "version");
