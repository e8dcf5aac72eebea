-- AlterTable
ALTER TABLE "session" ADD COLUMN     "token_id" TEXT;
