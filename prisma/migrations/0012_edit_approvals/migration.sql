-- AlterTable
ALTER TABLE "edit" ADD COLUMN     "requester_id" TEXT NOT NULL DEFAULT 'local';
