@echo off
rem The farm's command on Windows. Needs Node 24 on PATH and `npm ci`; a worker needs nothing else of the farm.
setlocal
node "%~dp0orchestrator\cli\main.ts" %*
exit /b %ERRORLEVEL%
