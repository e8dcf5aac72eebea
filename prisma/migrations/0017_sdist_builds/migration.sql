-- AlterTable
ALTER TABLE "edit" ADD COLUMN     "accepted_unbuilt" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "sdist_built" JSONB;

-- AlterTable
ALTER TABLE "source" ADD COLUMN     "build_options" JSONB,
ADD COLUMN     "build_target" TEXT;
