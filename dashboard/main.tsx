import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { WithSession } from './session.tsx';
import './style/base.css';
import './style/pages.css';

const root = document.getElementById('root');
if (root) createRoot(root).render(<StrictMode><WithSession><App /></WithSession></StrictMode>);
