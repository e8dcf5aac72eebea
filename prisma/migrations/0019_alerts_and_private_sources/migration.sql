-- AlterTable
ALTER TABLE "alert" ADD COLUMN     "acknowledged_at" TIMESTAMPTZ(3),
ADD COLUMN     "acknowledged_by" TEXT,
ADD COLUMN     "acknowledged_why" TEXT;

-- AlterTable
ALTER TABLE "source" ADD COLUMN     "is_private" BOOLEAN NOT NULL DEFAULT false;
