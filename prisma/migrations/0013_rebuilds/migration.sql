-- AlterTable
ALTER TABLE "build" ADD COLUMN     "rebuild" JSONB;

-- AlterTable
ALTER TABLE "source" ADD COLUMN     "set_version" TEXT;
