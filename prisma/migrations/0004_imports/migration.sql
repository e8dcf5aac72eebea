-- AlterTable
ALTER TABLE "file" ADD COLUMN     "import_id" TEXT,
ALTER COLUMN "build_id" DROP NOT NULL;

-- CreateTable
CREATE TABLE "import" (
    "id" TEXT NOT NULL,
    "project" TEXT NOT NULL,
    "display_name" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "requested_by" TEXT NOT NULL,
    "builder" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'running',
    "notes" JSONB NOT NULL DEFAULT '[]',
    "failure" JSONB,
    "workflow_started_at" TIMESTAMPTZ(3),
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "import_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "import_file" (
    "import_id" TEXT NOT NULL,
    "filename" TEXT NOT NULL,
    "sha256" TEXT NOT NULL,
    "bytes" BIGINT,
    "kind" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "upload_time" TIMESTAMPTZ(3),
    "requires_python" TEXT,
    "metadata_sha256" TEXT,
    "yanked" TEXT,
    "provenance_url" TEXT,
    "provenance" JSONB,
    "attested" TEXT NOT NULL DEFAULT 'none',
    "attested_why" TEXT,
    "oddity" TEXT,
    "fetched_at" TIMESTAMPTZ(3),

    CONSTRAINT "import_file_pkey" PRIMARY KEY ("import_id","filename")
);

-- CreateIndex
CREATE INDEX "import_project_version_idx" ON "import"("project", "version");

-- CreateIndex
CREATE INDEX "import_file_sha256_idx" ON "import_file"("sha256");

-- AddForeignKey
ALTER TABLE "import_file" ADD CONSTRAINT "import_file_import_id_fkey" FOREIGN KEY ("import_id") REFERENCES "import"("id") ON DELETE CASCADE ON UPDATE CASCADE;
