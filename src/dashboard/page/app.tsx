import { useEffect, useRef, useState } from 'preact/hooks'
import { Board } from './board.tsx'
import { Live } from './live.ts'
import { storedToken, storeToken } from './session.ts'

/** The page: signed out, or the board. */
export function App() {
  const [signedIn, setSignedIn] = useState(storedToken() !== null)
  const [refusal, setRefusal] = useState('')
  const signOut = (reason: string) => {
    storeToken(null)
    setRefusal(reason)
    setSignedIn(false)
  }
  if (!signedIn) {
    return (
      <SignIn
        refusal={refusal}
        onToken={(token) => {
          storeToken(token)
          setRefusal('')
          setSignedIn(true)
        }}
      />
    )
  }
  return <Signed onEnd={signOut} />
}

function Signed({ onEnd }: { onEnd: (reason: string) => void }) {
  const [, setVersion] = useState(0)
  const live = useRef<Live | undefined>(undefined)
  live.current ??= new Live(() => setVersion((version) => version + 1))
  useEffect(() => {
    live.current?.open()
    return () => live.current?.close()
  }, [])
  const { state } = live.current
  useEffect(() => {
    if (state === 'refused') onEnd(`That token is not accepted: ${live.current?.reason ?? ''}`)
  }, [state])
  return <Board live={live.current} onSignOut={() => onEnd('')} />
}

function SignIn({ refusal, onToken }: { refusal: string; onToken: (token: string) => void }) {
  const field = useRef<HTMLInputElement>(null)
  const [empty, setEmpty] = useState(false)
  useEffect(() => field.current?.focus(), [refusal])
  const submit = (event: Event) => {
    event.preventDefault()
    const token = field.current?.value.trim() ?? ''
    setEmpty(token === '')
    if (token !== '') onToken(token)
  }
  const fault = empty ? 'Enter a token.' : refusal
  return (
    <main class="sign-in">
      <img src="/_stint/icon.svg" alt="" width="48" height="48" />
      <h1>Stint</h1>
      <p>Who uses what, who borrows from whom, what moves, and what it costs.</p>
      <form onSubmit={submit} noValidate>
        <label for="token">Token</label>
        <input
          id="token"
          ref={field}
          type="password"
          autocomplete="off"
          spellcheck={false}
          aria-describedby="token-help token-fault"
          aria-invalid={fault !== ''}
        />
        <p id="token-fault" class="fault" role="alert">
          {fault}
        </p>
        <button type="submit" class="primary">
          Sign in
        </button>
        <p id="token-help" class="hint">
          An operator’s token, or a tenant’s to see its own share. It stays in this tab. The local demo prints
          its token when it starts.
        </p>
      </form>
    </main>
  )
}
