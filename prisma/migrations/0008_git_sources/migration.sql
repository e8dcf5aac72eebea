-- AlterTable
ALTER TABLE "source" ADD COLUMN     "git_commit" TEXT,
ADD COLUMN     "git_ref" TEXT,
ADD COLUMN     "git_url" TEXT,
ADD COLUMN     "subdirectory" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "submodules" JSONB;

-- CreateTable
CREATE TABLE "alert" (
    "id" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "project" TEXT,
    "repository" TEXT,
    "failure" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "alert_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "alert_key_key" ON "alert"("key");

-- CreateIndex
CREATE INDEX "alert_created_at_idx" ON "alert"("created_at");

-- CreateIndex
CREATE INDEX "source_git_url_git_ref_idx" ON "source"("git_url", "git_ref");
