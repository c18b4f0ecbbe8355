#!/usr/bin/env node
require('../dist/aiproxy/start.cjs').start()
